//! Who signs: a certificate of one's own, or one that is made at first use.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use c2pa::{BoxedSigner, SigningAlg, create_signer};
use directories::ProjectDirs;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, date_time_ymd,
};
use tempfile::NamedTempFile;

use crate::ProvenanceError;

/// The certificate that was made here: its own, that of its authority, and its key.
const MADE_HERE: &str = "signing.pem";
/// A certificate of one's own, in the same form; it goes before.
const OWN: &str = "own-signing.pem";
/// Names the folder of both.
const FOLDER_VARIABLE: &str = "MISORA_DATA_DIR";
/// Far more than a chain of certificates takes.
const MOST_BYTES: u64 = 1 << 20;

/// A key that signs, with its certificates.
#[derive(Clone)]
pub struct Identity {
    path: PathBuf,
    certificates: String,
    key: String,
    algorithm: SigningAlg,
}

/// The user's data folder, or what `MISORA_DATA_DIR` says.
///
/// # Errors
/// [`ProvenanceError::NoDataFolder`].
pub fn data_folder() -> Result<PathBuf, ProvenanceError> {
    match std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => Ok(folder.into()),
        None => {
            let folders = ProjectDirs::from("", "", "misora").ok_or(ProvenanceError::NoDataFolder)?;
            Ok(folders.data_dir().to_owned())
        }
    }
}

impl Identity {
    /// The identity of a data folder; what is not there yet is made.
    ///
    /// # Errors
    /// [`ProvenanceError::DataFolder`], or [`ProvenanceError::Certificate`] for one that cannot sign.
    pub fn open(folder: &Path) -> Result<Self, ProvenanceError> {
        let failed = |path: &Path, source| ProvenanceError::DataFolder { path: path.to_owned(), source };
        for path in [folder.join(OWN), folder.join(MADE_HERE)] {
            match fs::metadata(&path) {
                Ok(found) if found.len() > MOST_BYTES => {
                    return Err(failed(&path, io::ErrorKind::FileTooLarge.into()));
                }
                Ok(_) => {
                    return Self::from_pem(&path, &fs::read_to_string(&path).map_err(|error| failed(&path, error))?);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        let path = folder.join(MADE_HERE);
        let pem = make()?;
        // Mode 0600, as every temporary file. Who came first is kept, so that two runs at once sign as one.
        let mut file = NamedTempFile::new_in(folder).map_err(|error| failed(folder, error))?;
        file.write_all(pem.as_bytes()).map_err(|error| failed(&path, error))?;
        match file.persist_noclobber(&path) {
            Ok(_) => Self::from_pem(&path, &pem),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Self::from_pem(&path, &fs::read_to_string(&path).map_err(|error| failed(&path, error))?)
            }
            Err(error) => Err(failed(&path, error.error)),
        }
    }

    /// The certificates that a data folder vouches for, if it has any.
    pub fn anchors(folder: &Path) -> Option<String> {
        let found = [OWN, MADE_HERE].map(|name| fs::read_to_string(folder.join(name)).unwrap_or_default());
        let anchors: String = found.iter().flat_map(|pem| blocks(pem)).filter(|block| is_certificate(block)).collect();
        (!anchors.is_empty()).then_some(anchors)
    }

    fn from_pem(path: &Path, pem: &str) -> Result<Self, ProvenanceError> {
        let wrong = |message: String| ProvenanceError::Certificate { path: path.to_owned(), message };
        let (certificates, rest): (Vec<_>, Vec<_>) = blocks(pem).into_iter().partition(|block| is_certificate(block));
        let key = rest.into_iter().find(|block| block.starts_with("-----BEGIN PRIVATE KEY-----"));
        let key = key.ok_or_else(|| wrong("it has no private key".to_owned()))?;
        if certificates.is_empty() {
            return Err(wrong("it has no certificate".to_owned()));
        }
        let pair = KeyPair::from_pem(&key).map_err(|error| wrong(error.to_string()))?;
        let known = [
            (&PKCS_ECDSA_P256_SHA256, SigningAlg::Es256),
            (&PKCS_ECDSA_P384_SHA384, SigningAlg::Es384),
            (&PKCS_ED25519, SigningAlg::Ed25519),
        ];
        let algorithm = known.into_iter().find(|(known, _)| pair.is_compatible(known)).map(|(_, algorithm)| algorithm);
        let algorithm = algorithm.ok_or_else(|| wrong("its key is of another kind".to_owned()))?;
        let identity = Self { path: path.to_owned(), certificates: certificates.concat(), key, algorithm };
        identity.signer()?;
        Ok(identity)
    }

    pub(super) fn signer(&self) -> Result<BoxedSigner, ProvenanceError> {
        create_signer::from_keys(self.certificates.as_bytes(), self.key.as_bytes(), self.algorithm, None)
            .map_err(|error| ProvenanceError::Certificate { path: self.path.clone(), message: error.to_string() })
    }
}

/// A new authority, and a certificate and key below it. The authority's own key is forgotten: it signs nothing else.
fn make() -> Result<String, ProvenanceError> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named("misora local authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let mut own = CertificateParams::default();
    own.distinguished_name = named("misora");
    own.is_ca = IsCa::ExplicitNoCa;
    own.use_authority_key_identifier_extension = true;
    own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    own.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    for params in [&mut authority, &mut own] {
        (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2055, 1, 1));
    }
    let [authority_key, key] =
        [KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?];
    let authority_certificate = authority.self_signed(&authority_key)?;
    let certificate = own.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok([certificate.pem(), authority_certificate.pem(), key.serialize_pem()].concat())
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names.push(DnType::OrganizationName, "misora");
    names
}

/// The blocks of a PEM file, each with its first and last line.
fn blocks(pem: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block = String::new();
    for line in pem.lines().map(str::trim) {
        if line.starts_with("-----BEGIN ") {
            block.clear();
        }
        block.push_str(line);
        block.push('\n');
        if line.starts_with("-----END ") {
            blocks.push(std::mem::take(&mut block));
        }
    }
    blocks
}

fn is_certificate(block: &str) -> bool {
    block.starts_with("-----BEGIN CERTIFICATE-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("data");
        let first = Identity::open(&folder).unwrap();
        let again = Identity::open(&folder).unwrap();
        assert_eq!((first.key, first.certificates), (again.key, again.certificates));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.join(MADE_HERE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(Identity::anchors(&folder).unwrap().matches("BEGIN CERTIFICATE").count() == 2);
    }

    #[test]
    fn what_cannot_sign_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let whole = make().unwrap();
        let key_only = blocks(&whole).pop().unwrap();
        let certificate_only = blocks(&whole).remove(0);
        for (text, expected) in [
            ("nothing", "no private key"),
            (&key_only, "no certificate"),
            (&certificate_only, "no private key"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate"),
        ] {
            fs::write(folder.path().join(OWN), text).unwrap();
            let error = Identity::open(folder.path()).err().unwrap().to_string();
            assert!(error.contains(OWN) && error.contains(expected), "{error}");
        }
        fs::write(folder.path().join(OWN), whole).unwrap();
        assert!(Identity::open(folder.path()).is_ok());
        assert!(Identity::open(&folder.path().join(OWN).join("below")).is_err());
    }
}
