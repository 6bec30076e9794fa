//! What whole-server tests are written with: a real server, REST clients, and participants on real sockets.

pub mod binary;
pub mod dev_issuer;
pub mod directory;
pub mod etherpad;
pub mod livekit;
pub mod log;
pub mod meeting;
pub mod moto;
pub mod nextcloud;
pub mod nodes;
pub mod participant;
pub mod plans;
pub mod planted;
pub mod ports;
pub mod postgres;
pub mod proxy;
pub mod quiet;
pub mod recorder;
pub mod redis;
pub mod rest;
pub mod server;
pub mod serving;
pub mod smtp;
pub mod spacedeck;
pub mod statements;
mod stored;
