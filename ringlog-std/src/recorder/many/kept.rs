//! One producer a thread, kept until the thread ends.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::error::ProducersError;
use super::group::Group;
use super::pooled::{LossyPooledProducer, PooledProducer};

/// `None` while it is lossy, and after a call that panicked.
type Kept = Rc<RefCell<Option<PooledProducer>>>;

thread_local! {
    /// This thread's producers, one for each group, with the address of the group.
    static KEPT: RefCell<Vec<(*const Group, Kept)>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn with<T>(
    group: &Arc<Group>,
    f: impl FnOnce(&mut PooledProducer) -> T,
) -> Result<T, ProducersError> {
    let kept = of_this_thread(group)?;
    let mut kept = kept.try_borrow_mut().map_err(|_| ProducersError::Busy)?;
    Ok(f(producer_in(&mut kept, group)?))
}

pub(super) fn with_lossy<T>(
    group: &Arc<Group>,
    f: impl FnOnce(&mut LossyPooledProducer) -> T,
) -> Result<T, ProducersError> {
    let kept = of_this_thread(group)?;
    let mut kept = kept.try_borrow_mut().map_err(|_| ProducersError::Busy)?;
    producer_in(&mut kept, group)?;
    let Some(producer) = kept.take() else { return Err(ProducersError::Busy) };
    let mut producer = producer.lossy();
    let result = f(&mut producer);
    *kept = Some(producer.into_inner());
    Ok(result)
}

/// Returns the place of this thread's producer of the group.
#[inline]
fn of_this_thread(group: &Arc<Group>) -> Result<Kept, ProducersError> {
    let address = Arc::as_ptr(group);
    // No code of others runs while the list is borrowed: what is removed from it is dropped afterwards.
    let find = |list: &RefCell<Vec<(*const Group, Kept)>>| {
        let list = list.try_borrow().map_err(|_| ProducersError::Busy)?;
        Ok::<_, ProducersError>(list.iter().find(|(of, _)| *of == address).map(|(_, kept)| Rc::clone(kept)))
    };
    let found = KEPT.try_with(find).map_err(|_| ProducersError::Ending)??;
    if let Some(kept) = found {
        return Ok(kept);
    }
    add_to_this_thread(address)
}

#[cold]
fn add_to_this_thread(address: *const Group) -> Result<Kept, ProducersError> {
    let new = Kept::default();
    let add = |list: &RefCell<Vec<(*const Group, Kept)>>| {
        let mut list = list.try_borrow_mut().map_err(|_| ProducersError::Busy)?;
        let old = std::mem::take(&mut *list);
        let (mut used, unused): (Vec<_>, Vec<_>) = old.into_iter().partition(|(_, kept)| is_used(kept));
        used.push((address, Rc::clone(&new)));
        *list = used;
        Ok::<_, ProducersError>(unused)
    };
    KEPT.try_with(add).map_err(|_| ProducersError::Ending)??;
    Ok(new)
}

/// Returns whether the producer is in use or may be used again.
fn is_used(kept: &Kept) -> bool {
    kept.try_borrow().map_or(true, |kept| kept.as_ref().is_some_and(PooledProducer::is_open))
}

/// Returns the producer, which is taken from the group if there is none.
#[inline]
fn producer_in<'k>(
    kept: &'k mut Option<PooledProducer>,
    group: &Arc<Group>,
) -> Result<&'k mut PooledProducer, ProducersError> {
    // The address of a group that is gone may be that of another one.
    if !kept.as_ref().is_some_and(|producer| producer.is_of(group) && producer.is_open()) {
        take_for(kept, group)?;
    }
    // It stays where it is: a move of it takes longer than the write of a short event.
    kept.as_mut().ok_or(ProducersError::Busy)
}

#[cold]
fn take_for(kept: &mut Option<PooledProducer>, group: &Arc<Group>) -> Result<(), ProducersError> {
    // Before the next one is taken: its ring may be the one that is given back.
    *kept = None;
    *kept = Some(PooledProducer::new(group)?);
    Ok(())
}
