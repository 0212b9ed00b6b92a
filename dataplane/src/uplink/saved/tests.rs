//! What was published last is read back, and nothing else.

use std::sync::Arc;

use catalog::keys::KeyClass;
use catalog::rows::CatalogRows;
use link::PublishedCatalog;
use units::{AccountId, KeyId, OfferId};

use super::*;

fn key(number: u8) -> KeyRow {
    KeyRow {
        id: KeyId(u64::from(number)),
        digest: KeyDigest([number; 32]),
        account: AccountId(1),
        name: "k".repeat(200),
        label: String::new(),
        class: KeyClass::Live,
        limit: None,
        limit_reset: None,
        rpm: None,
        tpm: None,
        rpd: None,
        concurrency: None,
        expires_at: None,
        allowed_models: None,
        allowed_providers: None,
        disabled: false,
        created_at: UnixMillis(0),
    }
}

fn catalog(offer: u32) -> Option<Arc<PublishedCatalog>> {
    let (rows, offers) = (CatalogRows::default(), vec![OfferId(offer)]);
    Some(Arc::new(PublishedCatalog { rows, offers, multiplier: (1, 1) }))
}

fn publication(
    generation: u64,
    catalog: Option<Arc<PublishedCatalog>>,
    keys: KeyChanges,
) -> Publication {
    Publication { generation, catalog, keys, control: ([127, 0, 0, 1], 1).into() }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tollgate-saved-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn deltas_are_folded_in_and_a_broken_tail_costs_only_itself() {
    let folder = folder("fold");
    assert_eq!(read(&folder), None);
    let full = KeyChanges::Full(vec![key(1), key(2)]);
    keep(&folder, publication(5, catalog(1), full)).unwrap();
    let delta = KeyChanges::Delta(vec![(key(1).digest, None), (key(3).digest, Some(key(3)))]);
    keep(&folder, publication(6, None, delta)).unwrap();
    let before = fs::metadata(path_of(&folder)).unwrap().len() as usize;
    keep(&folder, publication(7, catalog(9), KeyChanges::Delta(Vec::new()))).unwrap();
    let keys = || KeyChanges::Full(vec![key(2), key(3)]);
    assert_eq!(read(&folder), Some(publication(7, catalog(9), keys())));
    let bytes = fs::read(path_of(&folder)).unwrap();
    for end in [before, before + 1, bytes.len() - 1] {
        fs::write(path_of(&folder), &bytes[..end]).unwrap();
        assert_eq!(read(&folder), Some(publication(6, catalog(1), keys())), "cut at {end}");
    }
    fs::write(path_of(&folder), &bytes[1..]).unwrap();
    assert_eq!(read(&folder), None);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn deltas_that_outgrow_the_first_are_written_into_it() {
    let folder = folder("grow");
    keep(&folder, publication(1, catalog(1), KeyChanges::Full(Vec::new()))).unwrap();
    let changes: Vec<_> = (0..64).map(|number| (key(number).digest, Some(key(number)))).collect();
    let mut sizes = Vec::new();
    for generation in 2..80 {
        let delta = KeyChanges::Delta(changes.clone());
        keep(&folder, publication(generation, None, delta)).unwrap();
        sizes.push(fs::metadata(path_of(&folder)).unwrap().len());
    }
    assert!(sizes.windows(2).any(|pair| pair[1] < pair[0]), "{sizes:?}");
    let kept = read(&folder).unwrap();
    assert!(matches!(kept.keys, KeyChanges::Full(rows) if rows.len() == 64));
    assert_eq!(kept.generation, 79);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_last_contact_is_remembered() {
    let folder = folder("contact");
    assert_eq!(last_heard(&folder), UnixMillis(0));
    kept::write(&heard_path(&folder), &7u64.to_le_bytes()).unwrap();
    assert_eq!(last_heard(&folder), UnixMillis(7));
    fs::remove_dir_all(folder).unwrap();
}
