//! The signing key in the data folder.

use std::{fs, io, path::Path};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};

use super::{error::OpenError, private_file, sign::Signer};

/// Reads the key at `path`, or makes one there.
pub(super) fn open(path: &Path) -> Result<Signer, OpenError> {
    match fs::read(path) {
        Ok(pkcs8) => Signer::new(&pkcs8).ok_or_else(|| OpenError::Key(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(OpenError::io(path, error)),
    }
}

fn create(path: &Path) -> Result<Signer, OpenError> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| OpenError::Signing)?;
    private_file::replace(path, pkcs8.as_ref()).map_err(|error| OpenError::io(path, error))?;
    Signer::new(pkcs8.as_ref()).ok_or(OpenError::Signing)
}
