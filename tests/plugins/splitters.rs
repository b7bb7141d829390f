//! Step splitters: one piece of reasoning, and the edges.

use std::fmt::Write;

use serde_json::Map;

use crate::{plugin, snapshot};

const TEXTS: [&str; 4] = [
    "",
    "\n\n",
    "First, Dr. Lee has 3.5 apples. She eats 1!\n\nSo 3.5 - 1 = 2.5.\nCheck: 2.5 + 1 = 3.5.\n\n\n  Right? \"Yes.\" Done",
    "x = 1\r\n\r\ny = 2",
];

#[test]
fn steps() {
    for name in ["paragraph_splitter", "sentence_splitter"] {
        let splitter = plugin(name).step_splitter(&Map::new()).unwrap();
        let mut table = String::new();
        for text in TEXTS {
            writeln!(table, "{text:?}").unwrap();
            for step in splitter.split("p", text).unwrap().value {
                writeln!(table, "    {:?}", &text[step]).unwrap();
            }
        }
        snapshot(&format!("{name}__steps"), &table);
    }
}
