//! Column arithmetic: the smallest pieces of working that an operation needs, ones first.
//!
//! A column is one digit of the running total against one digit of the operand (or against the multiplier),
//! with what the column before it carried or borrowed. Each column becomes one reasoning step, so that
//! rewording a step can never drop working that belongs to another.

use crate::problem::Operation;

/// One column. `top (operation) bottom`, corrected by `carry_in`, makes `value`, of which `digit` is
/// written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What is done in it.
    pub operation: Operation,
    /// 0 for the ones, 1 for the tens …
    pub place: usize,
    /// The total's digit.
    pub top: u32,
    /// The operand's digit in this place (0 beyond its end), or the multiplier.
    pub bottom: u32,
    /// What the previous column carried, or 1 if it borrowed: added, but subtracted in a subtraction.
    pub carry_in: u32,
    /// The column's full result: in a product up to three digits; in a subtraction already with the ten
    /// that was borrowed.
    pub value: u32,
    /// What goes on to the next column; in a subtraction 1 if this column borrowed.
    pub carry_out: u32,
    /// Nothing follows: `value` is written down whole.
    pub last: bool,
}

impl Column {
    /// The digit written down, or all of the value in the last column.
    pub fn written(&self) -> u32 {
        if self.last { self.value } else { self.value % 10 }
    }
}

/// The columns of `total (operation) operand`, which must not be negative.
pub fn columns(operation: Operation, total: u32, operand: u32) -> Vec<Column> {
    let places = match operation {
        Operation::Multiply => digit_count(total),
        Operation::Add | Operation::Subtract => digit_count(total).max(digit_count(operand)),
    };
    let mut carry_in = 0;
    (0..places)
        .map(|place| {
            let top = digit(total, place);
            let bottom = if operation == Operation::Multiply { operand } else { digit(operand, place) };
            let (value, carry_out) = match operation {
                Operation::Add => (top + bottom + carry_in, (top + bottom + carry_in) / 10),
                Operation::Multiply => (top * bottom + carry_in, (top * bottom + carry_in) / 10),
                Operation::Subtract => {
                    let borrowed = u32::from(top < bottom + carry_in);
                    (top + 10 * borrowed - bottom - carry_in, borrowed)
                }
            };
            let last = place + 1 == places;
            let column = Column { operation, place, top, bottom, carry_in, value, carry_out, last };
            carry_in = carry_out;
            column
        })
        .collect()
}

/// The number that the columns write down.
pub fn read(columns: &[Column]) -> u32 {
    columns.iter().rev().fold(0, |number, column| {
        let written = column.written();
        number * 10_u32.pow(digit_count(written) as u32) + written
    })
}

fn digit(number: u32, place: usize) -> u32 {
    number / 10_u32.pow(place as u32) % 10
}

fn digit_count(number: u32) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_addition_by_hand() {
        // 347 + 285: 7+5 = 12, 4+8+1 = 13, 3+2+1 = 6.
        let columns = columns(Operation::Add, 347, 285);
        assert_eq!(columns.iter().map(|c| c.value).collect::<Vec<_>>(), [12, 13, 6]);
        assert_eq!(columns.iter().map(|c| c.carry_in).collect::<Vec<_>>(), [0, 1, 1]);
        assert_eq!(read(&columns), 632);
    }

    #[test]
    fn a_subtraction_by_hand() {
        // 312 - 298: 12-8 = 4 (borrow), 10+1-9-1 = 1 (borrow), 3-2-1 = 0.
        let columns = columns(Operation::Subtract, 312, 298);
        assert_eq!(columns.iter().map(|c| c.value).collect::<Vec<_>>(), [4, 1, 0]);
        assert_eq!(columns.iter().map(|c| c.carry_out).collect::<Vec<_>>(), [1, 1, 0]);
    }

    #[test]
    fn a_product_by_hand() {
        // 574 * 7: 28, 49+2 = 51, 35+5 = 40, all of which is written.
        let columns = columns(Operation::Multiply, 574, 7);
        assert_eq!(columns.iter().map(|c| c.value).collect::<Vec<_>>(), [28, 51, 40]);
        assert_eq!(read(&columns), 4018);
    }

    #[test]
    fn a_product_with_a_large_multiplier_by_hand() {
        // 58 * 17: 136, 85+13 = 98.
        let columns = columns(Operation::Multiply, 58, 17);
        assert_eq!(columns.iter().map(|c| (c.value, c.carry_in)).collect::<Vec<_>>(), [(136, 0), (98, 13)]);
        assert_eq!(read(&columns), 986);
    }

    #[test]
    fn the_written_digits_are_the_result() {
        for total in (0..2_000).step_by(7) {
            for operand in (0..1_000).step_by(13) {
                for operation in [Operation::Add, Operation::Subtract] {
                    if let Some(result) = operation.apply(total, operand) {
                        assert_eq!(read(&columns(operation, total, operand)), result);
                    }
                }
            }
            for operand in 2..=4 {
                assert_eq!(read(&columns(Operation::Multiply, total, operand)), total * operand);
            }
        }
    }

    #[test]
    fn zero_has_one_column() {
        assert_eq!(columns(Operation::Subtract, 0, 0).len(), 1);
    }
}
