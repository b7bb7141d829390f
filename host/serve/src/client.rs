//! Who asks: what shares are counted by.
//!
//! | the service has | a client is |
//! |---|---|
//! | keys | a key, by its name, whatever the number of its connections and where they come from |
//! | none, and the peer is another machine | the peer's address; of IPv6 the first 64 bits, which one machine has all of |
//! | none, and the peer is this machine | a connection: all of this machine have one address |
//! | two streams instead of HTTP | the one that writes the lines |
//!
//! Clients do not name themselves: whoever wants more than a share would give several names.

use std::net::{IpAddr, Ipv6Addr};

/// One client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Client {
    /// The key at this place among the keys.
    Key(usize),
    /// A machine.
    Peer(IpAddr),
    /// A connection, by its number.
    Connection(u64),
    /// Whoever writes the lines.
    Lines,
}

impl Client {
    /// A client without a key.
    pub(crate) fn unnamed(peer: IpAddr, connection: u64) -> Self {
        match peer.to_canonical() {
            peer if peer.is_loopback() => Self::Connection(connection),
            IpAddr::V6(peer) => Self::Peer(Ipv6Addr::from_bits(peer.to_bits() >> 64 << 64).into()),
            peer => Self::Peer(peer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_one_client_and_of_this_one_a_connection() {
        let client = |peer: &str, connection| Client::unnamed(peer.parse().unwrap(), connection);
        assert_eq!(client("10.0.0.7", 1), client("10.0.0.7", 2));
        assert_eq!(client("10.0.0.7", 1), client("::ffff:10.0.0.7", 2));
        assert_ne!(client("10.0.0.7", 1), client("10.0.0.8", 1));
        assert_eq!(client("2001:db8::1", 1), client("2001:db8::2:3", 2));
        assert_ne!(client("2001:db8::1", 1), client("2001:db8:0:1::1", 1));
        assert_eq!(client("127.0.0.1", 1), client("::1", 1));
        assert_ne!(client("127.0.0.1", 1), client("127.0.0.1", 2));
    }
}
