//! What stands around a value: what joins it to others, what says that it is none, and where its sentence ends.

pub(crate) mod company;
pub(crate) mod ending;
pub(crate) mod joint;
pub(crate) mod markup;
pub(crate) mod refusal;
pub(crate) mod remark;
