//! The counting: each sum by a loop over all that ever happened.

use units::{AccountId, GenerationId, Usd};

use super::{Name, Reference};
use crate::books::Books;
use crate::event::CreditKind;
use crate::record::Hold;
use crate::{Event, Purse, Record};

impl Reference {
    /// Every settled charge: its generation, account and amount.
    pub(in crate::books::model) fn posts(&self) -> Vec<(GenerationId, AccountId, Usd)> {
        let posts = self.records.iter().filter_map(|(name, ring, _, record)| match record {
            Record::Post(post) => {
                let (dataplane, epoch) = *name;
                let id = GenerationId { dataplane, epoch, ring: *ring, seq: post.hold_seq };
                Some((id, post.account, post.charged().unwrap()))
            }
            _ => None,
        });
        posts.collect()
    }

    pub(super) fn watermark(&self, name: Name, ring: u16) -> u64 {
        self.records.iter().filter(|(of, at, ..)| (*of, *at) == (name, ring)).count() as u64
    }

    pub(super) fn open_holds(&self, name: Name) -> Vec<(u16, u64, Hold)> {
        let mut open = Vec::new();
        for (of, ring, seq, record) in &self.records {
            let ended = match record {
                _ if *of != name => continue,
                Record::Hold(hold) => {
                    open.push((*ring, *seq, *hold));
                    continue;
                }
                Record::Post(post) => post.hold_seq,
                Record::Void(void) => void.hold_seq,
                _ => continue,
            };
            open.retain(|(at, seq, _)| (*at, *seq) != (*ring, ended));
        }
        open
    }

    pub(super) fn held(&self, name: Name, purse: Purse) -> i128 {
        let held = |hold: Hold| match purse {
            Purse::Account(account) if hold.account == account => hold.amount.pico(),
            Purse::Key(key) if hold.key == key && hold.key_limited => hold.amount.pico(),
            Purse::FreeRequests(account) => {
                i128::from(hold.account == account && hold.free_request)
            }
            _ => 0,
        };
        self.open_holds(name).into_iter().map(|(.., hold)| held(hold)).sum()
    }

    /// What was charged to a purse: in one epoch's lease, or (`None`) in all.
    pub(super) fn settled(&self, name: Option<Name>, purse: Purse) -> i128 {
        let mut sum = 0;
        for (of, _, _, record) in &self.records {
            let Record::Post(post) = record else { continue };
            let mine = match (purse, name) {
                (Purse::Account(account), _) => post.account == account,
                (Purse::Key(key), Some(_)) => post.key == key && post.key_limited,
                (Purse::Key(key), None) => post.key == key,
                (Purse::FreeRequests(_), _) => false,
            };
            if mine && name.is_none_or(|name| name == *of) {
                sum += post.charge.pico() + post.excess.from_free.pico();
            }
        }
        sum
    }

    pub(super) fn granted(&self, name: Name, purse: Purse) -> i128 {
        let loans =
            self.lent.iter().filter(|(of, to, amount)| (*of, *to) == (name, purse) && *amount > 0);
        loans.map(|(.., amount)| amount).sum()
    }

    pub(super) fn confirmed(&self, name: Name, purse: Purse) -> i128 {
        self.moved(name, purse, |record| matches!(record, Record::Grant { .. }))
    }

    pub(super) fn moved(&self, name: Name, purse: Purse, kind: impl Fn(&Record) -> bool) -> i128 {
        let mut sum = 0;
        for (of, _, _, record) in &self.records {
            if let Record::Grant { purse: to, amount } | Record::Return { purse: to, amount } =
                record
                && (*of, *to) == (name, purse)
                && kind(record)
            {
                sum += amount.pico();
            }
        }
        sum
    }

    pub(super) fn outstanding(&self, name: Name, purse: Purse) -> i128 {
        let lent = self.lent.iter().filter(|(of, to, _)| (*of, *to) == (name, purse));
        let lent: i128 = lent.map(|(.., amount)| amount).sum();
        let returned = self.moved(name, purse, |record| matches!(record, Record::Return { .. }));
        lent - returned - self.settled(Some(name), purse)
    }

    pub(super) fn open_names(&self) -> impl Iterator<Item = Name> + '_ {
        self.opened.iter().copied().filter(|name| !self.closed.contains(name))
    }

    pub(super) fn unlent(&self, purse: Purse) -> Option<i128> {
        let has = match purse {
            Purse::Account(account) if !self.accounts.contains(&account) => return None,
            Purse::Account(account) => self.balance(account),
            Purse::Key(key) => {
                let limit = self.keys.iter().find(|(id, ..)| *id == key)?.2?;
                limit.pico() - self.settled(None, purse)
            }
            Purse::FreeRequests(_) => return None,
        };
        Some(has - self.open_names().map(|name| self.outstanding(name, purse)).sum::<i128>())
    }

    pub(super) fn balance(&self, account: AccountId) -> i128 {
        let credit: i128 = self.sums(account).iter().sum();
        credit - self.settled(None, Purse::Account(account))
    }

    /// Topped up, granted, adjusted, refunded, expired and paid back (both negative).
    pub(super) fn sums(&self, of: AccountId) -> [i128; 6] {
        let mut sums = [0; 6];
        for row in self.transactions.iter().filter(|row| row.account == of) {
            match &row.event {
                Event::Credited { kind, amount, .. } => {
                    let place = match kind {
                        CreditKind::TopUp => 0,
                        CreditKind::Grant | CreditKind::Signup => 1,
                        CreditKind::Adjustment => 2,
                    };
                    sums[place] += amount.pico();
                }
                Event::Refunded { amount, .. } => sums[3] += amount.pico(),
                Event::Expired { amount, .. } => sums[4] -= amount.pico(),
                Event::PaidBack { amount, .. } => sums[5] -= amount.pico(),
                _ => {}
            }
        }
        sums
    }

    pub(super) fn fees(&self, of: AccountId) -> i128 {
        let mine = self.transactions.iter().filter(|row| row.account == of);
        mine.map(|row| if let Event::Credited { fee, .. } = row.event { fee.pico() } else { 0 })
            .sum()
    }

    /// Holds everything that the books show against the lists.
    pub(in crate::books::model) fn check(&self, books: &Books) {
        let usd = Usd::from_pico;
        for account in &self.accounts {
            let view = books.account(*account).unwrap();
            let held: i128 =
                self.open_names().map(|name| self.held(name, Purse::Account(*account))).sum();
            let sums = self.sums(*account);
            let shown = [view.topped_up, view.granted, view.adjusted, view.refunded];
            let gone = [-view.expired, -view.paid_back];
            assert_eq!((&shown[..], &gone[..]), (&sums.map(usd)[..4], &sums.map(usd)[4..]));
            assert_eq!(view.fees, usd(self.fees(*account)));
            assert_eq!(view.spent, usd(self.settled(None, Purse::Account(*account))));
            assert_eq!((view.balance, view.held), (usd(self.balance(*account)), usd(held)));
            assert_eq!(view.available, usd(self.balance(*account) - held));
            assert_eq!(Some(view.unlent.pico()), self.unlent(Purse::Account(*account)));
            self.check_days(*account, books);
            self.check_lots(*account, books);
        }
        for (key, ..) in &self.keys {
            assert_eq!(books.key(*key).unwrap().used, usd(self.settled(None, Purse::Key(*key))));
            let unlent = self.unlent(Purse::Key(*key)).map(|unlent| usd(unlent.max(0)));
            assert_eq!(books.unlent(Purse::Key(*key)), unlent);
        }
        for name in self.open_names() {
            for (purse, lease) in books.leases(name.0, name.1) {
                assert_eq!(lease.outstanding(), usd(self.outstanding(name, purse)));
                assert_eq!(lease.held, usd(self.held(name, purse)));
            }
            for (ring, mark) in books.watermarks(name.0, name.1) {
                assert_eq!(mark, self.watermark(name, ring));
            }
            assert_eq!(books.open_holds(name.0, name.1).count(), self.open_holds(name).len());
        }
    }

    pub(super) fn check_days(&self, account: AccountId, books: &Books) {
        let mut count = 0;
        for (day, offer, sum) in books.days(account) {
            let (mut requests, mut input, mut charged, mut written_off) = (0, 0, 0, 0);
            for (.., record) in &self.records {
                if let Record::Post(post) = record
                    && (post.account, post.created_at.day(), post.offer) == (account, *day, *offer)
                {
                    requests += 1;
                    input += post.tokens.input_total();
                    charged += post.charged().unwrap().pico();
                    written_off += post.excess.written_off.pico();
                }
            }
            assert_eq!((sum.requests, sum.tokens.input_total()), (requests, input));
            assert_eq!(sum.charged.pico(), charged);
            assert_eq!(sum.written_off.pico(), written_off);
            count += requests;
        }
        let posts = self.posts().into_iter().filter(|(_, of, _)| *of == account).count();
        assert_eq!(count, posts as u64);
    }
}
