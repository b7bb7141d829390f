//! Memory that is known before a stage loads the model.
//!
//! In: a recipe, the model's configuration and what the stage will meet ([`Demand`]). Out: one line for people, or
//! [`Error::Memory`] with the settings that would fit. No setting is changed here: the same recipe gives the same results whatever
//! memory there is.

mod changes;
mod demand;

use ts_model::memory::{Available, Plan, human};
use ts_recipe::Recipe;

pub(crate) use self::demand::{Demand, Shape, waiting_at_once};
use crate::stage::Stage;
use crate::{Error, Run};

/// Memory that a stage may plan with, beside what the process had before it loaded a model.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Room {
    bytes: u64,
    set_by: &'static str,
}

/// Says what a stage will take, of the machine's memory or of a GPU's, and refuses it if that is more than there is.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn plan_stage(run: &Run<'_>, stage: Stage, demand: &Demand) -> Result<(), Error> {
    let config = run.checkpoint_folder().config()?;
    let shape = Shape { config: &config, on_cpu: run.is_on_cpu() };
    let plan = shape.plan(&run.recipe, stage, demand);
    let (before, available) = match shape.on_cpu {
        true => (run.memory_before(), Available::now()),
        // What others have of a GPU is not free.
        false => (0, Available::on_gpu(run.device())),
    };
    let room = room(&run.recipe, before, available);
    run.progress.plan(stage.name(), &line(&plan, room));
    match room {
        Some(room) if plan.total() > room.bytes => Err(shortage(&shape, &run.recipe, stage, demand, room)),
        _ => Ok(()),
    }
}

fn room(recipe: &Recipe, before: u64, available: Option<Available>) -> Option<Room> {
    if recipe.run.memory_gib > 0.0 {
        let bytes = (recipe.run.memory_gib * (1_u64 << 30) as f64) as u64;
        return Some(Room { bytes, set_by: "run.memory_gib" });
    }
    let Available { bytes, bound } = available?;
    Some(Room { bytes: bytes.saturating_sub(before), set_by: bound.name() })
}

fn line(plan: &Plan, room: Option<Room>) -> String {
    match room {
        Some(room) => format!("memory: up to {plan}, of {} ({})", human(room.bytes), room.set_by),
        None => format!("memory: up to {plan}"),
    }
}

/// The error of a stage that does not fit.
fn shortage(shape: &Shape<'_>, recipe: &Recipe, stage: Stage, demand: &Demand, room: Room) -> Error {
    let plan = shape.plan(recipe, stage, demand);
    let fitting = changes::that_fit(shape, recipe, stage, demand, room.bytes);
    Error::Memory {
        needs: plan.to_string(),
        has: format!("{} ({})", human(room.bytes), room.set_by),
        what_fits: changes::advice(&fitting),
    }
}

#[cfg(test)]
mod tests {
    use ts_model::memory::Bound;
    use ts_recipe::Loader;

    use super::*;

    #[test]
    fn the_room_is_what_is_set_or_what_is_left() {
        let loader = Loader { shipped: ts_embedded::RECIPES };
        let mut recipe = loader.load("default", vec![]).unwrap();
        let available = Some(Available { bytes: 5 << 30, bound: Bound::Machine });
        let found = room(&recipe, 1 << 30, available).unwrap();
        assert_eq!((found.bytes, found.set_by), (4 << 30, "the machine's free memory"));
        let of_gpu = Available { bytes: 5 << 30, bound: Bound::Gpu };
        let found = room(&recipe, 0, Some(of_gpu)).unwrap();
        assert_eq!((found.bytes, found.set_by), (5 << 30, "the GPU's free memory"));
        assert_eq!(room(&recipe, 0, None), None);
        recipe.run.memory_gib = 0.5;
        let found = room(&recipe, 1 << 30, available).unwrap();
        assert_eq!((found.bytes, found.set_by), (1 << 29, "run.memory_gib"));
    }
}
