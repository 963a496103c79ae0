//! Transactions of a store, as a test hands them in.

use bootstrap::extend::async_trait;

use crate::database::Transaction;

/// Begins transactions of a store.
#[async_trait(?Send)]
pub(super) trait Transactions {
    async fn begin(&self) -> Box<dyn Begun + '_>;
}

/// A transaction that is rolled back when it is dropped.
#[async_trait(?Send)]
pub(super) trait Begun {
    fn tx(&mut self) -> &mut dyn Transaction;

    async fn commit(self: Box<Self>);
}

/// How a test begins and commits a transaction.
pub(super) struct Calls<B, C> {
    pub(super) begin: B,
    pub(super) commit: C,
}

struct Of<'a, T, C> {
    tx: T,
    commit: &'a C,
}

#[async_trait(?Send)]
impl<T, B, C> Transactions for Calls<B, C>
where
    T: Transaction + 'static,
    B: AsyncFn() -> T,
    C: AsyncFn(T),
{
    async fn begin(&self) -> Box<dyn Begun + '_> {
        let tx = (self.begin)().await;
        let commit = &self.commit;
        Box::new(Of { tx, commit })
    }
}

#[async_trait(?Send)]
impl<T: Transaction, C: AsyncFn(T)> Begun for Of<'_, T, C> {
    fn tx(&mut self) -> &mut dyn Transaction {
        &mut self.tx
    }

    async fn commit(self: Box<Self>) {
        (self.commit)(self.tx).await;
    }
}
