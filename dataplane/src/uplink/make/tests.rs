//! Generations: what they wait for, and what of them lasts.

use std::sync::mpsc;

use catalog::ProviderIndex;

use super::*;

/// A catalog of one provider.
fn published() -> PublishedCatalog {
    let rows = serde_json::json!({
        "provider": [{
            "id": "p", "dialect": "openai", "base_url": "http://provider.test/v1",
            "allow_private": true,
        }],
        "model": [{
            "id": "p/m", "context": 100, "max_output": 10,
            "endpoint": [{
                "provider": "p", "model": "m", "list": {"input": "1", "output": "1"},
            }],
        }],
    });
    let rows = serde_json::from_value(rows).unwrap();
    let offers = vec![units::OfferId(0)];
    PublishedCatalog { rows, offers, multiplier: (1, 1), own_key_fee: (0, 1) }
}

#[test]
fn a_catalog_waits_for_names_that_are_new_in_it_and_only_so_long() {
    let (resolver, orders) = mpsc::channel();
    let mut maker = Maker::new(resolver, None);
    let mut cells = Cells::default();
    let control = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut publish = |maker: &mut Maker, catalog| {
        let keys = KeyChanges::Full(vec![]);
        let own_keys = Vec::new();
        let publication = Publication { generation: 1, catalog, keys, own_keys, control };
        maker.make(publication, &mut cells).unwrap();
        maker.has_names()
    };
    assert!(publish(&mut maker, None), "nothing has no names");
    orders.try_iter().for_each(drop);
    assert!(!publish(&mut maker, Some(Arc::new(published()))), "its name is not known yet");
    assert!(maker.overdue().is_none());
    let name = orders.try_recv().unwrap().remove(0);
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    maker.resolved(Resolved::from_iter([(name, vec![address])]));
    assert!(maker.has_names());
    assert!(publish(&mut maker, Some(Arc::new(published()))));
    // Where it is not known any more, nothing waits: it was asked for before.
    maker.resolved(Resolved::new());
    assert!(publish(&mut maker, Some(Arc::new(published()))));
}

#[test]
fn a_name_that_is_not_found_in_time_is_waited_for_no_more() {
    let (resolver, _orders) = mpsc::channel();
    let mut maker = Maker::new(resolver, None);
    let catalog = Some(Arc::new(published()));
    let control = SocketAddr::from(([127, 0, 0, 1], 1));
    let (keys, own_keys) = (KeyChanges::Full(vec![]), Vec::new());
    let first = Publication { generation: 1, catalog, keys, own_keys, control };
    maker.make(first, &mut Cells::default()).unwrap();
    assert!(!maker.has_names());
    maker.awaited.as_mut().unwrap().0 = Instant::now();
    assert!(maker.overdue().is_some() && maker.has_names() && maker.overdue().is_none());
}

fn key(published: &Published) -> PoolKey {
    published.upstream(ProviderIndex(0)).way.as_ref().unwrap().0
}

#[test]
fn a_pool_key_lasts_as_long_as_its_addresses_and_is_never_given_again() {
    let (resolver, _orders) = mpsc::channel();
    let mut maker = Maker::new(resolver, None);
    let control = SocketAddr::from(([127, 0, 0, 1], 1));
    let catalog = Some(Arc::new(published()));
    let (keys, own_keys) = (KeyChanges::Full(vec![]), Vec::new());
    let first = Publication { generation: 1, catalog, keys, own_keys, control };
    maker.make(first, &mut Cells::default()).unwrap();
    let name = name_of(&maker.current.as_ref().unwrap().catalog.providers[0]);
    let mut seen = Vec::new();
    for turn in 0..200_u8 {
        let address = SocketAddr::from(([127, 0, 0, turn % 5], 80));
        let mut answer = || {
            let resolved = Resolved::from_iter([(name.clone(), vec![address])]);
            key(&maker.resolved(resolved).unwrap())
        };
        let (once, again) = (answer(), answer());
        assert!(once == again && !seen.contains(&once), "turn {turn}");
        seen.push(once);
        assert_eq!(maker.pool_keys.len(), 1);
    }
}
