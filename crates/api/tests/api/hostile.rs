use crate::client::{CHARACTERS, Client, USER, id_of, path};
use actix_web::{App, HttpServer};
use character_api::{ApiLimits, configure};
use character_domain::size::MAX_ROW;
use character_storage_port::MemoryStorage;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const BULK: &str = "/api/v2/characters/bulk";

fn sheet(levels: usize) -> String {
    let data = r#"{"a":"#.repeat(levels - 1) + "{}" + &"}".repeat(levels - 1);
    format!(r#"{{ "name": "Deep", "user_id": "{USER}", "data": {data} }}"#)
}

#[actix_web::test]
async fn a_sheet_128_levels_deep_comes_back_as_it_went_in_and_may_be_patched() {
    let client = Client::new();
    let answer = client.text("POST", CHARACTERS, &[], &sheet(128)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let found = client.get(&path(&answer.json())).await;
    assert!(found.text.contains(&(r#"{"a":"#.repeat(127) + "{}")));
    let patched = client.json("PATCH", &path(&answer.json()), &[], &json!({ "data": { "b": 1 } })).await;
    assert_eq!(patched.status, 200);
}

#[actix_web::test]
async fn a_deeper_one_is_refused_by_every_way_in_however_deep() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let bodies = [(sheet(129), "data"), (sheet(100_000), "data"), ("[".repeat(500_000), "body")];
    for (body, field) in bodies.into_iter().chain([(r#"{"data":"#.repeat(50_000), "data")]) {
        for (method, place) in [("POST", CHARACTERS), ("PUT", &*place), ("PATCH", &*place)] {
            let problem = client.text(method, place, &[], &body).await.is_invalid(&[field]);
            assert_eq!(problem["errors"][0]["reason"], "must not be nested deeper than 128 levels");
        }
    }
    let array = format!(r#"{{"name":"x","user_id":"{USER}","data":{{"a":{}1{}}}}}"#, "[".repeat(128), "]".repeat(128));
    client.text("POST", CHARACTERS, &[], &array).await.is_invalid(&["data"]);
}

#[actix_web::test]
async fn a_part_of_a_row_that_is_too_deep_is_named_and_not_the_data_beside_it() {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    let entry = id_of(&client, &format!("{hero}/journal"), json!({ "title": "Ogre" })).await;
    let deep = format!("{}1{}", "[".repeat(129), "]".repeat(129));
    for (place, required, field) in [
        (format!("{hero}/journal/{entry}/quests"), r#""title":"x""#, "progress"),
        (format!("{hero}/journal/{entry}/quests"), r#""title":"x""#, "rewards"),
        (format!("{hero}/events"), r#""impact_type":"other""#, "event_data"),
        (format!("{hero}/journal"), r#""title":"x""#, "tags"),
    ] {
        let body = format!(r#"{{"data":{{"a":1}},{required},"{field}":{deep}}}"#);
        client.text("POST", &place, &[], &body).await.is_invalid(&[field]);
    }
}

#[actix_web::test]
async fn broken_json_is_told_with_its_place() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let invalid_text = b"{\"name\": \"\xff\"}".to_vec();
    let bodies: [&[u8]; 10] = [
        b"{",
        b"{\"name\": }",
        b"{} {}",
        b"nul",
        b"{\"name\": \"x\",}",
        b"\"\\ud800\"",
        b"{'name': 1}",
        b"{\"a\": 01}",
        b"\xef\xbb\xbf{}",
        &invalid_text,
    ];
    for body in bodies {
        for (method, place) in [("POST", CHARACTERS), ("PUT", &*place), ("PATCH", &*place)] {
            let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
            let answer = client.send(method, place, &[("Content-Type", media)], Some(body.to_vec())).await;
            let problem = answer.is_problem(400, "malformed");
            assert!(problem["detail"].as_str().unwrap().contains("line 1 column"), "{problem}");
        }
    }
    client.send("POST", CHARACTERS, &[], None).await.is_problem(400, "malformed");
    client.text("POST", CHARACTERS, &[], "").await.is_problem(400, "malformed");
    client.text("POST", CHARACTERS, &[], " \n").await.is_problem(400, "malformed");
}

#[actix_web::test]
async fn a_body_that_is_no_object_is_invalid() {
    let client = Client::new();
    for body in ["[]", "1", "\"x\"", "null", "true"] {
        client.text("POST", CHARACTERS, &[], body).await.is_invalid(&["body"]);
    }
}

#[actix_web::test]
async fn a_number_of_a_million_digits_comes_back_and_costs_no_more_than_its_length() {
    let client = Client::new();
    let body = format!(r#"{{"name":"x","user_id":"{USER}","data":{{"n":{}}}}}"#, "7".repeat(1_000_000));
    let began = Instant::now();
    let created = client.text("POST", CHARACTERS, &[], &body).await;
    assert_eq!(created.status, 201);
    let patch = json!({ "data": { "m": 1 } });
    let changed = client.json("PATCH", &path(&created.json()), &[], &patch).await;
    assert_eq!(changed.status, 200, "{:.200}", changed.text);
    assert!(changed.text.contains(&"7".repeat(1_000_000)));
    // Quadratic time would be many minutes here.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[actix_web::test]
async fn texts_that_a_database_cannot_keep_or_a_person_not_read_are_refused() {
    let client = Client::new();
    let with = |field: &str, value: serde_json::Value| {
        let mut body = json!({ "name": "x", "user_id": USER });
        body[field] = value;
        body
    };
    client.post(&with("name", json!("a\0b"))).await.is_invalid(&["name"]);
    client.post(&with("name", json!("x".repeat(256)))).await.is_invalid(&["name"]);
    client.post(&with("theme", json!(" "))).await.is_invalid(&["theme"]);
    client.post(&with("data", json!({ "a": "\0" }))).await.is_invalid(&["data"]);
    client.post(&with("data", json!({ "\0": 1 }))).await.is_invalid(&["data"]);
    assert_eq!(client.post(&with("name", json!("żółw 🐢 مرحبا"))).await.status, 201);
}

#[actix_web::test]
async fn a_member_that_is_there_twice_is_refused_and_named() {
    let client = Client::new();
    for (members, field) in [
        (r#""name": 1, "name": "Last""#, "name"),
        (r#""name": "x", "na\u006de": "y""#, "name"),
        (r#""name": "x", "data": { "a": [{ "b": 1, "c": 2, "b": 3 }] }"#, "data.a[0].b"),
        (r#""name": "x", "data": { "$serde_json::private::Number": "1" }"#, "data.$serde_json::private::Number"),
        (
            r#""name": "x", "data": { "\u0024serde_json::private::RawValue": "1" }"#,
            "data.$serde_json::private::RawValue",
        ),
    ] {
        let body = format!(r#"{{ {members}, "user_id": "{USER}" }}"#);
        client.text("POST", CHARACTERS, &[], &body).await.is_invalid(&[field]);
        let bulk = format!(r#"{{ "characters": [{body}] }}"#);
        let bulk = client.text("POST", BULK, &[], &bulk).await;
        bulk.is_invalid(&[&format!("characters[0].{field}")]);
    }
    let rows = format!(r#"{{ "characters": [], "characters": [{{ "name": "x", "user_id": "{USER}" }}] }}"#);
    client.text("POST", BULK, &[], &rows).await.is_invalid(&["characters"]);
}

#[actix_web::test]
async fn another_media_type_is_refused_and_the_right_one_named() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let body = || Some(json!({ "name": "x", "user_id": USER }).to_string().into_bytes());
    let refused = [
        "text/plain",
        "application/xml",
        "json",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "application/json; charset=latin1",
        "application/json-patch+json",
        "",
    ];
    for media in refused {
        for (method, place) in [("POST", CHARACTERS), ("PUT", &*place), ("PATCH", &*place)] {
            let answer = client.send(method, place, &[("Content-Type", media)], body()).await;
            answer.is_problem(415, "unsupported-media-type");
            let header = if method == "PATCH" { "accept-patch" } else { "accept" };
            assert!(answer.header(header).is_some());
        }
    }
    client.send("POST", CHARACTERS, &[], body()).await.is_problem(415, "unsupported-media-type");
    let whole = [("Content-Type", "application/json")];
    client.send("PATCH", &place, &whole, body()).await.is_problem(415, "unsupported-media-type");
    let patch = [("Content-Type", "application/merge-patch+json")];
    client.send("POST", CHARACTERS, &patch, body()).await.is_problem(415, "unsupported-media-type");
    let packed = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    client.send("POST", CHARACTERS, &packed, body()).await.is_problem(415, "unsupported-media-type");
    for media in ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.game+json"] {
        assert_eq!(client.send("POST", CHARACTERS, &[("Content-Type", media)], body()).await.status, 201, "{media}");
    }
}

#[actix_web::test]
async fn a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let client = Client::new();
    let text = json!({ "name": "Large", "user_id": USER }).to_string();
    let sized = |bytes: usize| format!("{}{text}", " ".repeat(bytes - text.len()));
    let fits = client.text("POST", CHARACTERS, &[], &sized(MAX_ROW)).await;
    assert_eq!(fits.status, 201);
    client.text("POST", CHARACTERS, &[], &sized(MAX_ROW + 1)).await.is_problem(413, "body-too-large");
    client.text("PUT", &path(&fits.json()), &[], &sized(MAX_ROW + 1)).await.is_problem(413, "body-too-large");
    let announced = [("Content-Type", "application/json"), ("Content-Length", "99999999999")];
    client.send("POST", CHARACTERS, &announced, None).await.is_problem(413, "body-too-large");
}

#[actix_web::test]
async fn a_body_that_never_ends_is_given_up() {
    let limits = ApiLimits { body_timeout: Duration::from_millis(200), ..ApiLimits::default() };
    let client = Client::with(MemoryStorage::new(), limits, Vec::new());
    let api = Arc::clone(&client.api);
    let server = HttpServer::new(move || App::new().configure(configure(Arc::clone(&api)))).workers(1);
    let server = server.bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        "POST /api/v2/characters HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap().unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer[..read]));
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_body_may_take_as_long_as_it_keeps_the_slowest_rate() {
    let limits = ApiLimits { body_timeout: Duration::from_millis(300), body_rate: 1000, ..ApiLimits::default() };
    let client = Client::with(MemoryStorage::new(), limits, Vec::new());
    let api = Arc::clone(&client.api);
    let server = HttpServer::new(move || App::new().configure(configure(Arc::clone(&api)))).workers(1);
    let server = server.bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    for (piece, status) in [(1000, "422"), (1, "408")] {
        let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
        let sending = actix_web::rt::spawn(async move {
            let head = "POST /api/v2/characters HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
            let body = format!("{:<40000}", "{}");
            writer.write_all(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await.unwrap();
            let started = Instant::now();
            for piece in body.as_bytes().chunks(piece) {
                // Refused, it may be closed.
                if writer.write_all(piece).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            started.elapsed()
        });
        let mut answer = [0; 12];
        tokio::time::timeout(Duration::from_secs(30), reader.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer[9..], status.as_bytes());
        if status == "422" {
            assert!(sending.await.unwrap() > Duration::from_millis(300));
        }
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_malformed_id_is_invalid_by_every_method() {
    let client = Client::new();
    for id in
        ["x", "1", "6f1c2f0e58a04d7b8d1e6a3c1f7f9a10", "%00", "..%2f..%2fetc", "6f1c2f0e-58a0-4d7b-8d1e-6a3c1f7f9a1g"]
    {
        let place = format!("{CHARACTERS}/{id}");
        client.get(&place).await.is_invalid(&["id"]);
        client.json("PUT", &place, &[], &json!({})).await.is_invalid(&["id"]);
        client.json("PATCH", &place, &[], &json!({})).await.is_invalid(&["id"]);
        client.send("DELETE", &place, &[], None).await.is_invalid(&["id"]);
        client.send("POST", &format!("{place}/restore"), &[], None).await.is_invalid(&["id"]);
    }
}

#[actix_web::test]
async fn an_unknown_path_and_a_method_that_a_path_does_not_know_are_problems() {
    let client = Client::new();
    for place in
        ["/api", "/api/v2", "/api/v2/characters/", "/api/v1/characters", "/api/v2/characters/x/y", "//", "/health/x"]
    {
        client.get(place).await.is_problem(404, "no-such-path");
    }
    let single = format!("{CHARACTERS}/{USER}");
    for (method, place, allow) in [
        ("PUT", CHARACTERS, "GET, HEAD, POST"),
        ("DELETE", CHARACTERS, "GET, HEAD, POST"),
        ("POST", &single, "GET, HEAD, PUT, PATCH, DELETE"),
        ("BREW", &single, "GET, HEAD, PUT, PATCH, DELETE"),
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/openapi.json", "GET, HEAD"),
    ] {
        let answer = client.send(method, place, &[], None).await;
        answer.is_problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allow));
    }
}

#[actix_web::test]
async fn a_head_of_more_than_16_kib_is_refused_wherever_its_bytes_are() {
    const MOST: usize = 16 * 1024;
    let client = Client::new();
    for size in [0, 1000, MOST - 1000, MOST + 1000, 2 * MOST, 3 * MOST] {
        let many: Vec<_> = (0..size / 1000).map(|number| format!("x-{number}")).collect();
        let text = "v".repeat(size);
        let by_many: Vec<_> = many.iter().map(|name| (name.as_str(), &text[..size.min(1000)])).collect();
        for (place, headers) in [
            (CHARACTERS.to_owned(), vec![("x-long", text.as_str())]),
            (CHARACTERS.to_owned(), by_many),
            (format!("{CHARACTERS}?name_like={text}"), Vec::new()),
            (format!("/health/{text}"), Vec::new()),
        ] {
            let answer = client.send("GET", &place, &headers, None).await;
            if size > MOST {
                let problem = answer.is_problem(431, "head-too-large");
                assert!(problem["instance"].as_str().unwrap().len() < 600, "{problem}");
            } else {
                assert_ne!(answer.status, 431, "{size}");
            }
        }
    }
}
