//! The signing key in the data folder.

use std::{fs, io, path::Path};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};

use super::{error::DevIssuerError, private_file, sign::Signer};

/// Reads the key at `path`, or makes one there.
pub(super) fn open(path: &Path) -> Result<Signer, DevIssuerError> {
    match fs::read(path) {
        Ok(pkcs8) => Signer::new(&pkcs8).ok_or_else(|| DevIssuerError::Key(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(DevIssuerError::io(path, error)),
    }
}

fn create(path: &Path) -> Result<Signer, DevIssuerError> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| DevIssuerError::Signing)?;
    private_file::replace(path, pkcs8.as_ref()).map_err(|error| DevIssuerError::io(path, error))?;
    Signer::new(pkcs8.as_ref()).ok_or(DevIssuerError::Signing)
}
