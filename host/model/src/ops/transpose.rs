//! The transpose of 16 × 16 numbers of 32 bits, in registers where vectors are wide enough.

/// Makes rows of columns: halves of the square change places, then quarters, and so on.
#[inline(always)]
pub(super) fn transpose<T: Copy>(square: &mut [[T; 16]; 16]) {
    exchange::<T, 8>(square);
    exchange::<T, 4>(square);
    exchange::<T, 2>(square);
    exchange::<T, 1>(square);
}

/// In squares of twice `WIDTH` numbers, the upper right quarter and the lower left one change places.
#[inline(always)]
fn exchange<T: Copy, const WIDTH: usize>(square: &mut [[T; 16]; 16]) {
    for upper in (0..16).filter(|row| row & WIDTH == 0) {
        let (above, below) = (square[upper], square[upper + WIDTH]);
        for column in 0..16 {
            let is_left = column & WIDTH == 0;
            square[upper][column] = if is_left { above[column] } else { below[column - WIDTH] };
            square[upper + WIDTH][column] = if is_left { above[column + WIDTH] } else { below[column] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let mut square: [[u32; 16]; 16] =
            std::array::from_fn(|i| std::array::from_fn(|j| (16 * i + j) as u32));
        transpose(&mut square);
        for (i, row) in square.iter().enumerate() {
            for (j, number) in row.iter().enumerate() {
                assert_eq!(*number as usize, 16 * j + i);
            }
        }
    }
}
