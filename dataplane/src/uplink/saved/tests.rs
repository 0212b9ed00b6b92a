//! What was published last is read back, and nothing else.

use catalog::rows::CatalogRows;
use units::{AccountId, KeyId, OfferId};

use super::*;

fn key(number: u8) -> KeyRow {
    let (id, digest) = (KeyId(u64::from(number)), KeyDigest([number; 32]));
    let key = KeyRow::new(id, digest, AccountId(1), UnixMillis(0));
    KeyRow { name: "k".repeat(200), ..key }
}

fn catalog(offer: u32) -> Option<Arc<PublishedCatalog>> {
    let (rows, offers) = (CatalogRows::default(), vec![OfferId(offer)]);
    Some(Arc::new(PublishedCatalog { rows, offers, multiplier: (1, 1), own_key_fee: (0, 1) }))
}

fn publication(
    generation: u64,
    catalog: Option<Arc<PublishedCatalog>>,
    keys: KeyChanges,
) -> Publication {
    let (own_keys, control) = (Vec::new(), ([127, 0, 0, 1], 1).into());
    Publication { generation, catalog, keys, own_keys, control }
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
    let mut file = Kept::new(path_of(&folder));
    let full = KeyChanges::Full(vec![key(1), key(2)]);
    file.keep(publication(5, catalog(1), full)).unwrap();
    let delta = KeyChanges::Delta(vec![(key(1).digest, None), (key(3).digest, Some(key(3)))]);
    file.keep(publication(6, None, delta)).unwrap();
    let before = fs::metadata(path_of(&folder)).unwrap().len() as usize;
    file.keep(publication(7, catalog(9), KeyChanges::Delta(Vec::new()))).unwrap();
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
    let mut file = Kept::new(path_of(&folder));
    file.keep(publication(1, catalog(1), KeyChanges::Full(Vec::new()))).unwrap();
    let changes: Vec<_> = (0..64).map(|number| (key(number).digest, Some(key(number)))).collect();
    let mut sizes = Vec::new();
    for generation in 2..80 {
        let delta = KeyChanges::Delta(changes.clone());
        file.keep(publication(generation, None, delta)).unwrap();
        sizes.push(fs::metadata(path_of(&folder)).unwrap().len());
    }
    assert!(sizes.windows(2).any(|pair| pair[1] < pair[0]), "{sizes:?}");
    let kept = read(&folder).unwrap();
    assert!(matches!(kept.keys, KeyChanges::Full(rows) if rows.len() == 64));
    assert_eq!(kept.generation, 79);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_delta_that_does_not_follow_is_not_folded_in() {
    let folder = folder("gap");
    let mut file = Kept::new(path_of(&folder));
    file.keep(publication(5, catalog(1), KeyChanges::Full(vec![key(1)]))).unwrap();
    let gone = || KeyChanges::Delta(vec![(key(1).digest, None)]);
    let kept = || Some(publication(5, catalog(1), KeyChanges::Full(vec![key(1)])));
    file.keep(publication(7, None, gone())).unwrap();
    assert_eq!(read(&folder), kept());
    // Nor where it stands in the file.
    let mut bytes = fs::read(path_of(&folder)).unwrap();
    bytes.extend(entry(&publication(7, None, gone())).unwrap());
    fs::write(path_of(&folder), bytes).unwrap();
    assert_eq!(read(&folder), kept());
    // A process that has not written the file does not know what stands there.
    let mut next = Kept::new(path_of(&folder));
    next.keep(publication(6, None, gone())).unwrap();
    assert_eq!(read(&folder), kept());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_a_disk_did_not_take_is_written_later_and_leaves_nothing_behind() {
    let folder = folder("again");
    let path = path_of(&folder);
    let mut file = Kept::new(path.clone());
    file.keep(publication(1, catalog(1), KeyChanges::Full(Vec::new()))).unwrap();
    // The file is away for a while; when it is back, the half of a delta stands behind the rest.
    let mut bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    for number in 2..4 {
        let delta = KeyChanges::Delta(vec![(key(number).digest, Some(key(number)))]);
        file.keep(publication(u64::from(number), None, delta)).unwrap_err();
    }
    bytes.extend([7; 300]);
    fs::write(&path, bytes).unwrap();
    file.write_waiting().unwrap();
    let keys = KeyChanges::Full(vec![key(2), key(3)]);
    assert_eq!(read(&folder), Some(publication(3, catalog(1), keys)));
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
