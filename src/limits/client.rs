//! Where a request comes from, behind load balancers that are trusted.

use poem::http::HeaderMap;
use poem::web::RemoteAddr;
use poem::{Addr, FromRequest, Request, RequestBody, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::LimitSettings;
use crate::state::App;

/// The address of who asks.
///
/// It is who connects, unless that is a trusted proxy: then it is the last address in
/// `X-Forwarded-For` that is none, which the first trusted proxy has seen itself. What stands before
/// it was written by whoever that is, and is nobody's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let app = request
            .data::<App>()
            .expect("the server puts the application into every request");
        let peer = match request.remote_addr() {
            RemoteAddr(Addr::SocketAddr(peer)) => peer.ip(),
            // Only what was never on a network has no address.
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        Ok(Self::of(app, peer, request.headers()))
    }
}

impl Client {
    /// Of a request that `peer` has sent.
    pub fn of(app: &App, peer: IpAddr, headers: &HeaderMap) -> Self {
        Self(client(&app.config.limits, peer.to_canonical(), headers))
    }
}

fn client(settings: &LimitSettings, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut nearest = peer;
    if !settings.trusts(peer) {
        return peer;
    }
    let lines = headers.get_all(FORWARDED_FOR).into_iter().rev();
    for line in lines {
        let Ok(line) = line.to_str() else {
            return nearest;
        };
        for hop in line.rsplit(',') {
            let Some(address) = address(hop.trim()) else {
                return nearest;
            };
            nearest = address;
            if !settings.trusts(address) {
                return nearest;
            }
        }
    }
    nearest
}

/// With or without a port, as some proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    address
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

const FORWARDED_FOR: &str = "x-forwarded-for";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Cli;
    use clap::Parser;

    fn settings(trusted: &str) -> LimitSettings {
        let args = ["holdfast", "--trusted-proxies", trusted];
        Cli::try_parse_from(args).unwrap().config.limits
    }

    fn client_of(peer: &str, lines: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let settings = settings("127.0.0.1,10.0.0.0/8,fd00::/8");
        client(&settings, peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn who_is_not_trusted_is_who_connects_whatever_they_claim() {
        assert_eq!(client_of("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        let nobody = Cli::try_parse_from(["holdfast"]).unwrap().config.limits;
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, "198.51.100.7".parse().unwrap());
        let peer = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(client(&nobody, peer, &headers), peer);
    }

    #[test]
    fn behind_trusted_proxies_it_is_the_last_address_that_is_none() {
        for (lines, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            (&["203.0.113.9, 198.51.100.7, 10.1.2.3"], "198.51.100.7"),
            (&["203.0.113.9", "198.51.100.7,10.1.2.3"], "198.51.100.7"),
            (&["198.51.100.7:4711"], "198.51.100.7"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
            // All of them are trusted: the first.
            (&["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            // What cannot be read ends the chain.
            (&["198.51.100.7, unknown, 10.1.2.3"], "10.1.2.3"),
            (&["unknown"], "127.0.0.1"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(client_of("127.0.0.1", lines), expected, "{lines:?}");
        }
    }
}
