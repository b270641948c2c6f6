//! Other people's URLs, never private ones: names are resolved once, the addresses are checked, and the connection goes
//! to what was checked, at every redirect anew.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ureq::{
    Agent,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

const TIME_LIMIT: Duration = Duration::from_secs(60);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const MOST_REDIRECTS: u32 = 4;

/// Whether URLs may lead into private networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateUrls {
    /// Never, as is right wherever others may name URLs.
    Refused,
    /// For a network in which all callers may see everything anyway.
    Allowed,
}

/// Fetches and posts.
pub(crate) struct Fetcher {
    follows: Agent,
    stays: Agent,
}

impl Fetcher {
    pub(crate) fn new(private: PrivateUrls) -> Self {
        let agent = |redirects: u32| {
            let config = Agent::config_builder()
                .timeout_global(Some(TIME_LIMIT))
                .timeout_connect(Some(CONNECT_LIMIT))
                .timeout_resolve(Some(CONNECT_LIMIT))
                .max_redirects(redirects)
                .max_redirects_will_error(redirects > 0)
                .http_status_as_error(false)
                // A proxy would resolve names itself, and nobody would have checked the addresses.
                .proxy(None)
                .user_agent(concat!("misora/", env!("CARGO_PKG_VERSION")))
                .build();
            let resolver = GuardedResolver { inner: DefaultResolver::default(), private };
            Agent::with_parts(config, DefaultConnector::new(), resolver)
        };
        Self { follows: agent(MOST_REDIRECTS), stays: agent(0) }
    }

    /// Writes what is behind a URL, if it is at most so many bytes.
    ///
    /// # Errors
    /// What went wrong, in words for whoever named the URL.
    pub(crate) fn get(&self, url: &str, (most_bytes, to): (u64, &mut dyn Write)) -> Result<(), String> {
        check_scheme(url)?;
        let mut response = self.follows.get(url).call().map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(format!("it answered {}", response.status()));
        }
        let mut reader = response.body_mut().as_reader().take(most_bytes + 1);
        let bytes = io::copy(&mut reader, to).map_err(|error| error.to_string())?;
        if bytes > most_bytes { Err(format!("it is more than {most_bytes} bytes")) } else { Ok(()) }
    }

    /// Posts JSON, and gives the status of the answer.
    ///
    /// # Errors
    /// What went wrong.
    pub(crate) fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, String> {
        check_scheme(url)?;
        let mut request = self.stays.post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send(body).map(|response| response.status().as_u16()).map_err(|error| error.to_string())
    }
}

fn check_scheme(url: &str) -> Result<(), String> {
    let lower = url.to_ascii_lowercase();
    let known = lower.starts_with("http://") || lower.starts_with("https://");
    if known { Ok(()) } else { Err("only http:// and https:// are fetched".to_owned()) }
}

#[derive(Debug)]
struct GuardedResolver {
    inner: DefaultResolver,
    private: PrivateUrls,
}

impl Resolver for GuardedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        if self.private == PrivateUrls::Allowed {
            return Ok(found);
        }
        // One private address among public ones is a trap, not a choice.
        if !found.iter().map(SocketAddr::ip).all(is_public) {
            let problem = "the address is private, and private addresses are not fetched";
            return Err(ureq::Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, problem)));
        }
        Ok(found)
    }
}

/// Whether an address is one of the open internet: not of this machine, its networks, or set apart for other uses.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a >= 240
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // Shared by providers' customers; protocol assignments; 6to4 relays; benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // Version 4 in other clothes: mapped, translated, 6to4.
        [0, 0, 0, 0, 0, 0xFFFF, high, low] | [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo, ORCHID and documentation lie in 2001::/23 and 2001:db8::/32; only 2000::/3 is given out.
        [0x2001, second, ..] => second >= 0x200 && second != 0xDB8,
        [first, ..] => (0x2000..0x4000).contains(&first) && first != 0x3FFF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_internet_is_public() {
        for address in
            ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::1",
            "::127.0.0.1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "64:ff9b:1::1",
            "100::1",
            "4000::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn private_places_are_refused_by_number_and_by_name() {
        let fetcher = Fetcher::new(PrivateUrls::Refused);
        for url in [
            "http://169.254.169.254/latest/meta-data",
            "http://localhost:1/",
            "http://127.0.0.1:1/",
            "http://[::1]:1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::ffff:169.254.169.254]/",
            "http://user@127.0.0.1:1/",
        ] {
            let problem = fetcher.get(url, (10, &mut Vec::new())).unwrap_err();
            assert!(
                problem.contains("private") || problem.contains("lookup") || problem.contains("host"),
                "{url}: {problem}"
            );
        }
        for url in ["file:///etc/passwd", "ftp://example.com/x", "gopher://x"] {
            assert!(fetcher.get(url, (10, &mut Vec::new())).unwrap_err().contains("http"), "{url}");
        }
    }
}
