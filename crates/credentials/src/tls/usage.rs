//! Whether a certificate is for servers, read from its DER form.

use super::validity::{SEQUENCE, element, from_validity, tagged};

const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
/// The tag of the optional extensions, which come last.
const EXTENSIONS: u8 = 0xa3;

/// `2.5.29.37`.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// `1.3.6.1.5.5.7.3.1`, serverAuth.
const SERVER: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
/// `2.5.29.37.0`, anyExtendedKeyUsage.
const ANY: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// Whether the certificate may be that of a server: it lists no usages, or this one among them. Clients refuse any other.
/// `None`: not a certificate of X.509.
pub(crate) fn is_for_servers(certificate: &[u8]) -> Option<bool> {
    let mut rest = from_validity(certificate)?;
    while !rest.is_empty() {
        let (tag, content, behind) = element(rest)?;
        if tag == EXTENSIONS {
            return usages_permit(tagged(content, SEQUENCE)?.0);
        }
        rest = behind;
    }
    Some(true)
}

fn usages_permit(mut extensions: &[u8]) -> Option<bool> {
    while !extensions.is_empty() {
        let (extension, behind) = tagged(extensions, SEQUENCE)?;
        extensions = behind;
        let (name, mut value) = tagged(extension, OBJECT_IDENTIFIER)?;
        if name != EXTENDED_KEY_USAGE {
            continue;
        }
        // Whether it is critical may come before the value.
        while let Some((tag, content, rest)) = element(value) {
            if tag == OCTET_STRING {
                return lists_servers(tagged(content, SEQUENCE)?.0);
            }
            value = rest;
        }
        return None;
    }
    Some(true)
}

fn lists_servers(mut usages: &[u8]) -> Option<bool> {
    while !usages.is_empty() {
        let (usage, rest) = tagged(usages, OBJECT_IDENTIFIER)?;
        if usage == SERVER || usage == ANY {
            return Some(true);
        }
        usages = rest;
    }
    Some(false)
}
