//! The metrics of the process and of its build, read when they are asked for.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use rustix::{
    fs::statvfs,
    process::{Resource, getrlimit},
};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// The unit of times in `/proc`, which is part of the interface of the kernel.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process, from its start.
#[derive(Clone, Debug)]
pub(crate) struct ProcessState {
    service: &'static str,
    /// When the process started, in seconds since 1970.
    started: f64,
    /// The folder whose file system must not be full; `None` without one.
    folder: Option<PathBuf>,
}

impl ProcessState {
    /// This process, which starts now. The `folder` of its data may not exist yet.
    pub(crate) fn new(service: &'static str, folder: Option<&Path>) -> Self {
        let started = jiff::Timestamp::now().as_duration().as_secs_f64();
        Self { service, started, folder: folder.map(Path::to_owned) }
    }

    /// Shows `service_build_info` and the metrics of the process: `process_start_time_seconds`, `process_cpu_seconds_total`,
    /// `process_resident_memory_bytes`, `process_memory_limit_bytes`, `process_open_fds`, `process_max_fds` and
    /// `process_threads`. With a folder: `data_folder_size_bytes` and `data_folder_free_bytes`.
    pub(crate) fn show(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }
}

impl Collector for ProcessState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "The build of the service; always 1";
        let mut build = encoder.encode_descriptor("service_build_info", help, None, MetricType::Gauge)?;
        let labels = [("service", self.service), ("version", env!("CARGO_PKG_VERSION"))];
        ConstGauge::new(1_i64).encode(build.encode_family(&labels)?)?;
        let help = "When the process started, in seconds since 1970";
        gauge(&mut encoder, "process_start_time", help, Some(Unit::Seconds), self.started)?;
        let usage = Usage::read();
        let cpu = ConstCounter::new(usage.cpu);
        cpu.encode(encoder.encode_descriptor(
            "process_cpu",
            "Time that processors have worked for the process",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?)?;
        let help = "Memory of the process that is in use";
        gauge(&mut encoder, "process_resident_memory", help, Some(Unit::Bytes), usage.resident)?;
        let help = "Maximum memory of the process, by its control group; 0: no limit";
        gauge(&mut encoder, "process_memory_limit", help, Some(Unit::Bytes), memory_limit())?;
        gauge(&mut encoder, "process_open_fds", "Open descriptors", None, open_descriptors())?;
        let most = getrlimit(Resource::Nofile).current.map_or(0.0, |most| most as f64);
        gauge(&mut encoder, "process_max_fds", "Maximum number of open descriptors; 0: no limit", None, most)?;
        gauge(&mut encoder, "process_threads", "Threads of the process", None, usage.threads)?;
        let Some(folder) = self.folder.as_deref().and_then(existing) else { return Ok(()) };
        let Ok(disk) = statvfs(folder) else { return Ok(()) };
        let bytes = |blocks: u64| blocks as f64 * disk.f_frsize as f64;
        let help = "Size of the file system with the data folder";
        gauge(&mut encoder, "data_folder_size", help, Some(Unit::Bytes), bytes(disk.f_blocks))?;
        let help = "Bytes of the file system with the data folder that the service may still write";
        gauge(&mut encoder, "data_folder_free", help, Some(Unit::Bytes), bytes(disk.f_bavail))
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    value: f64,
) -> Result<(), fmt::Error> {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?)
}

/// The folder, or the one above it that exists.
fn existing(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.is_dir()).or_else(|| Path::new(".").is_dir().then(|| Path::new(".")))
}

/// What the process uses. What cannot be read is 0.
#[derive(Debug, Default, PartialEq)]
struct Usage {
    /// Seconds of processors.
    cpu: f64,
    /// Bytes in memory.
    resident: f64,
    threads: f64,
}

impl Usage {
    fn read() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&text("/proc/self/stat"), &text("/proc/self/status"))
    }

    fn parse(stat: &str, status: &str) -> Self {
        // The name of the program, which may hold anything, ends with the last parenthesis.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |number: usize| fields.get(number).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        let line = |name: &str| {
            let found = status.lines().find_map(|line| line.strip_prefix(name));
            found.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default()
        };
        Self {
            cpu: (field(11) + field(12)) / TICKS_PER_SECOND,
            resident: line("VmRSS:") * 1024.0,
            threads: line("Threads:"),
        }
    }
}

fn open_descriptors() -> f64 {
    // One of them reads the folder.
    fs::read_dir("/proc/self/fd").map_or(0.0, |found| found.count().saturating_sub(1) as f64)
}

/// The limit of the control group of the process, of version 2 or 1; 0 without one.
fn memory_limit() -> f64 {
    let text = |path: &str| fs::read_to_string(path).ok();
    let group = text("/proc/self/cgroup").unwrap_or_default();
    let found = group.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "" => text(&format!("/sys/fs/cgroup{path}/memory.max")).or_else(|| text("/sys/fs/cgroup/memory.max")),
            _ if controllers.split(',').any(|name| name == "memory") => {
                text(&format!("/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"))
                    .or_else(|| text("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
            }
            _ => None,
        }
    });
    found.filter_map(|text| limit(&text)).fold(0.0, |least, limit| if least == 0.0 { limit } else { limit.min(least) })
}

/// A limit as the kernel writes it; `None` for the words and numbers that mean none.
fn limit(text: &str) -> Option<f64> {
    text.trim().parse::<u64>().ok().filter(|bytes| *bytes < 1 << 60).map(|bytes| bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_is_read_whatever_the_name_of_the_program() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 7 0 99 1 2";
        let status = "Name:\tx\nVmRSS:\t   2048 kB\nThreads:\t7\n";
        assert_eq!(Usage::parse(stat, status), Usage { cpu: 2.0, resident: 2048.0 * 1024.0, threads: 7.0 });
        assert_eq!(Usage::parse("", ""), Usage::default());
    }

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::read();
        assert!(usage.resident > 1e6 && usage.threads >= 1.0 && open_descriptors() >= 3.0, "{usage:?}");
    }

    #[test]
    fn no_limit_is_no_number() {
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("9223372036854771712\n"), None);
        assert_eq!(limit("83886080\n"), Some(83_886_080.0));
    }
}
