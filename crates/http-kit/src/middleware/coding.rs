//! Which coding an answer is compressed with, and how well.

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};
use std::io::{self, Write};

/// The level of gzip, of 9: beyond it, JSON becomes little smaller and takes much longer.
const GZIP_LEVEL: u32 = 4;
/// The quality of brotli, of 11; from 5 on it takes several times as long.
const BROTLI_QUALITY: u32 = 4;
/// The window of brotli as a power of two: 4 MiB.
const BROTLI_WINDOW: u32 = 22;
/// The level of zstd, of 22: answers are as short as those of brotli, in half of the time or less.
const ZSTD_LEVEL: i32 = 5;
const BUFFER: usize = 4096;

/// In the order of preference, where a client likes several as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The coding that the client prefers; the first of those that it likes as much. `None` when it accepts none, or prefers
    /// the unchanged answer. Only a client that names zstd receives it, since `*` comes from clients that were written before it.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let texts = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
        let (mut zstd, mut brotli, mut gzip, mut identity, mut any) = (None, None, None, None, None);
        for part in texts.flat_map(|text| text.split(',')) {
            let (name, parameter) = part.split_once(';').map_or((part, None), |(name, rest)| (name, Some(rest)));
            let weight = Some(parameter.map_or(1.0, weight));
            match name.trim().to_ascii_lowercase().as_str() {
                "zstd" => zstd = weight,
                "br" => brotli = weight,
                "gzip" | "x-gzip" => gzip = weight,
                "identity" => identity = weight,
                "*" => any = weight,
                _ => {}
            }
        }
        let known = [(Self::Zstd, zstd), (Self::Brotli, brotli.or(any)), (Self::Gzip, gzip.or(any))];
        let mut best = (None, identity.unwrap_or(0.0));
        for (coding, weight) in known.into_iter().filter_map(|(coding, weight)| Some((coding, weight?))) {
            let (found, most) = best;
            // A compressed answer is preferred to an unchanged one that the client likes as much.
            if weight > most || (found.is_none() && weight == most && weight > 0.0) {
                best = (Some(coding), weight);
            }
        }
        best.0
    }

    pub(super) fn compress(self, body: &[u8]) -> io::Result<Vec<u8>> {
        let space = || Vec::with_capacity(body.len() / 4);
        match self {
            Self::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL),
            Self::Brotli => {
                let mut writer = brotli::CompressorWriter::new(space(), BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
                writer.write_all(body)?;
                writer.flush()?;
                Ok(writer.into_inner())
            }
            Self::Gzip => {
                let mut writer = flate2::write::GzEncoder::new(space(), flate2::Compression::new(GZIP_LEVEL));
                writer.write_all(body)?;
                writer.finish()
            }
        }
    }
}

/// The weight in `q=0.5`. What is no weight accepts nothing.
fn weight(parameter: &str) -> f32 {
    let parameter = parameter.trim();
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
    value.and_then(|value| value.parse().ok()).filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn accepted(values: &[&'static str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        values.iter().for_each(|value| headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value)));
        Coding::accepted(&headers).map(Coding::name)
    }

    #[test]
    fn the_weights_of_the_client_decide_and_then_the_order_zstd_brotli_gzip() {
        for (value, coding) in [
            ("gzip", Some("gzip")),
            ("x-gzip", Some("gzip")),
            ("zstd", Some("zstd")),
            ("ZSTD", Some("zstd")),
            ("gzip, deflate, br", Some("br")),
            // Browsers.
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("zstd;q=0.9, br;q=0.9, gzip;q=0.9", Some("zstd")),
            ("zstd;q=0.8, br;q=0.9, gzip;q=0.7", Some("br")),
            ("zstd;q=0.8, br;q=0.3, gzip;q=0.9", Some("gzip")),
            ("zstd;q=0.001, br;q=0", Some("zstd")),
            ("zstd;q=0, br;q=0.5, gzip;q=0.8", Some("gzip")),
            ("BR; q=0.5, gzip;Q=0", Some("br")),
            ("br;q=1.0 , zstd ; q=0.999", Some("br")),
        ] {
            assert_eq!(accepted(&[value]), coding, "{value}");
        }
        assert_eq!(accepted(&["gzip;q=0.5, br;q=0.5", "zstd;q=0.5"]), Some("zstd"), "the header may occur twice");
    }

    #[test]
    fn any_coding_means_every_one_that_is_not_named_but_zstd() {
        for (value, coding) in [
            ("*", Some("br")),
            ("*;q=0.1", Some("br")),
            ("*, br;q=0", Some("gzip")),
            ("*, br;q=0, gzip;q=0", None),
            ("*;q=0.5, zstd", Some("zstd")),
            ("*;q=0.5, zstd;q=0.4", Some("br")),
            ("*;q=0, zstd", Some("zstd")),
            ("*;q=0, gzip;q=0.2", Some("gzip")),
            ("*;q=0", None),
        ] {
            assert_eq!(accepted(&[value]), coding, "{value}");
        }
    }

    #[test]
    fn a_client_that_accepts_nothing_or_prefers_the_unchanged_answer_receives_it() {
        for value in [
            "",
            "identity",
            "deflate",
            "gzip;q=0",
            "zstd;q=0",
            "zstd;q=0.000, br;q=0, gzip;q=0",
            "identity, zstd;q=0.9, br;q=0.5",
            "identity;q=0.6, gzip;q=0.5, *;q=0.4",
        ] {
            assert_eq!(accepted(&[value]), None, "{value}");
        }
        assert_eq!(accepted(&[]), None);
        assert_eq!(accepted(&["identity;q=0.5, br;q=0.5"]), Some("br"));
        assert_eq!(accepted(&["identity;q=0, gzip;q=0.1"]), Some("gzip"));
    }

    #[test]
    fn a_weight_that_is_none_accepts_nothing() {
        for value in ["br;q=2", "br;q=-1", "br;q=NaN", "br;q=inf", "br;q=", "br;q", "br;level=4", "br;", "br;q=0.5;x"] {
            assert_eq!(accepted(&[value]), None, "{value}");
        }
        assert_eq!(accepted(&["br;q=nonsense, gzip;q=0.1"]), Some("gzip"));
    }
}
