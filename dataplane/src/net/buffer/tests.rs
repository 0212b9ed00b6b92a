//! Cursors, growth and the shelves' bounds.

use super::*;

#[test]
fn consumed_bytes_make_room_before_memory_grows() {
    let pool = Pool::new(PoolLimits::default());
    let mut buffer = pool.take(Class::Small);
    buffer.extend(&[7; 4000]);
    buffer.consume(3990);
    buffer.make_room(4000);
    assert_eq!(buffer.filled(), &[7; 10]);
    assert_eq!(buffer.room(), 4096 - 10);
    assert_eq!(pool.counts().allocated, [1, 0, 0, 0, 0]);
}

#[test]
fn growth_moves_up_a_class_and_gives_the_old_memory_back() {
    let pool = Pool::new(PoolLimits::default());
    let mut buffer = pool.take(Class::Small);
    buffer.extend(&[1; 4096]);
    buffer.extend(&[2; 1]);
    assert_eq!((buffer.len(), buffer.room()), (4097, 16384 - 4097));
    drop(pool.take(Class::Small));
    assert_eq!(pool.counts().allocated, [1, 1, 0, 0, 0], "the small memory was reused");
    buffer.extend(&vec![3; 1 << 20]);
    assert_eq!(buffer.len(), 4097 + (1 << 20));
    assert_eq!(pool.counts().oversized, 1);
}

#[test]
fn a_full_shelf_frees_and_counts() {
    let pool = Pool::new(PoolLimits([1, 0, 0, 0, 0]));
    let pair = (pool.take(Class::Small), pool.take(Class::Small));
    drop(pair);
    assert_eq!(pool.counts().freed, [1, 0, 0, 0, 0]);
}

#[test]
fn an_empty_buffer_owns_no_memory() {
    let pool = Pool::new(PoolLimits::default());
    let mut buffer = pool.buffer();
    assert_eq!(buffer.room(), 0);
    buffer.extend(b"x");
    buffer.release();
    assert_eq!((buffer.room(), buffer.len()), (0, 0));
}
