//! Groups that two participants have in common: what each sees of the other's.

use std::{collections::BTreeMap, sync::Arc};

use super::cost::Cost;
use crate::{
    encoding::{self, EncodeError},
    ids::GroupId,
    protocol::meeting::Group,
};

/// Groups in the order of their ids, which [`in_common`] relies on.
#[must_use]
pub fn sorted(groups: &Arc<[Group]>) -> Arc<[Group]> {
    if groups.is_sorted_by_key(|group| group.id) {
        return Arc::clone(groups);
    }
    let mut sorted = groups.to_vec();
    sorted.sort_by_key(|group| group.id);
    sorted.into()
}

/// The groups in both of two lists in the order of ids: each list is looked at once.
#[must_use]
pub fn in_common<'a>(own: &'a [Group], others: &[Group], cost: &mut Cost) -> Vec<&'a Group> {
    let mut common = Vec::new();
    let mut rest = others.iter().peekable();
    for group in own {
        cost.entries(1);
        while rest.next_if(|other| other.id < group.id).is_some() {
            cost.entries(1);
        }
        if rest.next_if(|other| other.id == group.id).is_some() {
            common.push(group);
        }
    }
    common
}

/// What others have in common with one set of groups: looked at once for each set that lies in a place of its own, encoded once for
/// each outcome.
#[derive(Debug)]
pub struct InCommon<'a> {
    own: &'a [Group],
    /// By the place of the other set. No order follows from that.
    of_sets: BTreeMap<*const Group, Arc<str>>,
    encoded: BTreeMap<Vec<GroupId>, Arc<str>>,
}

impl<'a> InCommon<'a> {
    pub fn with(own: &'a [Group]) -> Self {
        Self {
            own,
            of_sets: BTreeMap::new(),
            encoded: BTreeMap::new(),
        }
    }

    /// The names of the common groups, as they stand between the brackets of an entry.
    pub fn names(&mut self, others: &Arc<[Group]>, cost: &mut Cost) -> Arc<str> {
        let place = Arc::as_ptr(others).cast::<Group>();
        if let Some(names) = self.of_sets.get(&place) {
            return Arc::clone(names);
        }
        let common = in_common(self.own, others, cost);
        let key: Vec<_> = common.iter().map(|group| group.id).collect();
        let names = self.encoded.entry(key).or_insert_with(|| encode(&common));
        self.of_sets.insert(place, Arc::clone(names));
        Arc::clone(names)
    }
}

/// The names of groups, in their own order, as JSON without brackets.
#[must_use]
pub fn encode(common: &[&Group]) -> Arc<str> {
    let mut names: Vec<_> = common.iter().map(|group| &*group.name).collect();
    names.sort_unstable();
    let list = encoding::encode(&names).unwrap_or_else(EncodeError::undo);
    list.trim_start_matches('[').trim_end_matches(']').into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn groups(ids: impl IntoIterator<Item = u128>) -> Arc<[Group]> {
        let group = |id: u128| Group {
            id: Uuid::from_u128(id).into(),
            name: format!("group {id}").as_str().into(),
        };
        ids.into_iter().map(group).collect()
    }

    #[test]
    fn a_hundred_groups_are_compared_in_one_walk() {
        let (even, third) = (
            groups((0..100).map(|id| 2 * id)),
            sorted(&groups((0..100).map(|id| 297 - 3 * id))),
        );
        let mut cost = Cost::default();
        let common = in_common(&even, &third, &mut cost);
        let ids: Vec<_> = common.iter().map(|group| group.id.0.as_u128()).collect();
        assert_eq!(ids, (0..34).map(|id| 6 * id).collect::<Vec<_>>());
        assert!(cost.entries <= 200, "{cost:?}");
    }

    #[test]
    fn each_set_is_looked_at_once_and_names_are_encoded_once_for_each_outcome() {
        let (own, some, others) = (groups([1, 2, 3]), groups([1, 2, 7]), groups([1, 2, 8, 9]));
        let mut in_common = InCommon::with(&own);
        let mut cost = Cost::default();
        let names = in_common.names(&some, &mut cost);
        assert_eq!(&*names, r#""group 1","group 2""#);
        let looked_at = cost.entries;
        assert!(Arc::ptr_eq(
            &names,
            &in_common.names(&Arc::clone(&some), &mut cost)
        ));
        assert_eq!(cost.entries, looked_at, "not looked at again");
        assert!(Arc::ptr_eq(&names, &in_common.names(&others, &mut cost)));
        assert_eq!(&*in_common.names(&groups([7]), &mut cost), "");
        assert_eq!(&*encode(&[]), "");
    }

    #[test]
    fn brackets_in_names_stay() {
        let all: Arc<[Group]> = Arc::new([Group {
            id: Uuid::nil().into(),
            name: "[a]".into(),
        }]);
        assert_eq!(&*encode(&[&all[0]]), r#""[a]""#);
    }
}
