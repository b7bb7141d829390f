//! What plots look like: colours in the light and in the dark, lines, text.

use std::fmt::Write;

/// Colours in the light and in the dark, told apart by most who see few (Okabe and Ito, 2008), each at least 3 to 1 against its page.
const COLOURS: [[&str; 2]; N_COLOURS] = [
    ["#0072b2", "#56b4e9"],
    ["#c44e00", "#ff9248"],
    ["#007a5a", "#2fd1a2"],
    ["#a8487f", "#e79ac6"],
    ["#8a6d00", "#f0e442"],
    ["#4b4ba0", "#a9a9ff"],
    ["#7a4b2a", "#d9a57b"],
];

/// How many colours there are.
pub const N_COLOURS: usize = 7;

/// The page, ink, grey, and the grid.
const OTHERS: [(&str, [&str; 2]); 3] =
    [("ink", ["#1f2328", "#e6edf3"]), ("muted", ["#59636e", "#9198a1"]), ("grid", ["#d8dee4", "#30363d"])];
const PAGE: [&str; 2] = ["#ffffff", "#0d1117"];

/// CSS for every plot of a page.
pub fn style() -> String {
    let mut css = ".plot text{font:12px sans-serif;stroke:none}\
         .plot .line{fill:none;stroke-width:2;stroke-linejoin:round}\
         .plot .dashed{stroke-dasharray:7 4}.plot .dotted{stroke-dasharray:2 3}.plot .dashes{stroke-width:1.5;stroke-dasharray:4 4}\
         .plot .band{stroke:none;opacity:.2}.plot .area{stroke:none;opacity:.1}.plot .bar{stroke-width:1;opacity:.6}\
         .plot .end{text-anchor:end}.plot .middle{text-anchor:middle}\n"
        .to_owned();
    for (scheme, [before, after]) in
        ["", "@media (prefers-color-scheme:dark)"].into_iter().zip([["", ""], ["{", "}"]])
    {
        let index = usize::from(!scheme.is_empty());
        css.push_str(scheme);
        css.push_str(before);
        // Writing to a String cannot fail.
        let _ = write!(css, ".plot .paper{{fill:{}}}", PAGE[index]);
        for (name, colours) in OTHERS {
            let colour = colours[index];
            let _ = write!(css, ".plot .{name}{{stroke:{colour};fill:{colour}}}");
        }
        let _ = write!(css, ".plot text{{fill:{}}}", OTHERS[0].1[index]);
        for (n, colours) in COLOURS.iter().enumerate() {
            let colour = colours[index];
            let _ = write!(css, ".plot .c{n}{{stroke:{colour};fill:{colour}}}");
        }
        css.push_str(after);
        css.push('\n');
    }
    css
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of a colour, WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let share = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn lines_and_text_are_seen_in_the_light_and_in_the_dark() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 1e-9);
        for index in 0..2 {
            for colours in COLOURS {
                assert!(contrast(colours[index], PAGE[index]) >= 3.0, "{}", colours[index]);
            }
            for (name, colours) in &OTHERS[..2] {
                assert!(contrast(colours[index], PAGE[index]) >= 4.5, "{name}");
            }
        }
    }
}
