//! Whole-server tests over real sockets; modules follow the URL tree and the namespaces.

mod identity;
