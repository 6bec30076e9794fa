//! One cryptographic back end for TLS and tokens.

/// Installs aws-lc-rs for rustls and jsonwebtoken. Without it both guess from the features of all dependencies and
/// panic at first use when these name two back ends. Calling it again changes nothing.
pub fn install_crypto() {
    // An error means that a back end is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey};

    use super::*;

    #[test]
    fn tls_and_tokens_have_a_back_end() {
        install_crypto();
        install_crypto();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
        let key = EncodingKey::from_secret(b"key");
        assert!(jsonwebtoken::crypto::sign(b"message", &key, Algorithm::HS256).is_ok());
    }
}
