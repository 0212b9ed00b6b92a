//! nginx as the plain proxy: keep-alive on both sides, no log, one worker on the gateway's core.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Peer, Running, free_addresses, write};
use crate::Failure;

/// Bytes of a key of Tollgate's, where none is at hand to be shown.
const KEY_BYTES: usize = 55;

pub(super) fn start(mock: SocketAddr, folder: &Path) -> Result<Peer, Failure> {
    fs::create_dir_all(folder)?;
    let [whole, streamed] = free_addresses()?;
    let path = folder.join("nginx.conf");
    write(&path, &settings(mock, whole, streamed, folder))?;
    let mut command = Command::new(program());
    command.arg("-p").arg(folder).arg("-c").arg(&path);
    let running = Running::start(command, folder, streamed)?;
    let keys = vec!["x".repeat(KEY_BYTES)];
    Ok(Peer { name: "nginx", whole, streamed, keys, running: Some(running) })
}

fn program() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" }
}

/// Bodies are kept in memory and requests on a connection unlimited, so that nginx is at its best.
fn settings(mock: SocketAddr, whole: SocketAddr, streamed: SocketAddr, folder: &Path) -> String {
    let folder = folder.display();
    let server = |address: SocketAddr, buffering: &str| {
        format!(
            "  server {{\n    listen {address} backlog=2048;\n    location / {{\n      \
             proxy_pass http://mock;\n      proxy_buffering {buffering};\n    }}\n  }}\n"
        )
    };
    format!(
        "daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log crit;\n\
         worker_processes 1;\nworker_cpu_affinity 01;\nworker_rlimit_nofile 16384;\n\
         events {{ worker_connections 8192; }}\nhttp {{\n  access_log off;\n\
         \x20 client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n\
         \x20 fastcgi_temp_path {folder}/fastcgi;\n  uwsgi_temp_path {folder}/uwsgi;\n\
         \x20 scgi_temp_path {folder}/scgi;\n\
         \x20 keepalive_requests 1000000000;\n  keepalive_timeout 600s;\n  tcp_nodelay on;\n\
         \x20 client_max_body_size 8m;\n  client_body_buffer_size 112k;\n\
         \x20 proxy_http_version 1.1;\n  proxy_set_header Connection \"\";\n\
         \x20 proxy_read_timeout 600s;\n\
         \x20 upstream mock {{\n    server {mock};\n    keepalive 2048;\n\
         \x20   keepalive_requests 1000000000;\n    keepalive_timeout 600s;\n  }}\n{}{}}}\n",
        server(whole, "on"),
        server(streamed, "off")
    )
}
