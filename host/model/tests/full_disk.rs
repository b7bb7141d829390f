//! A checkpoint on a disk that fills up: real files, and a limit on their size that the system enforces.
//!
//! The test starts itself once more under `ulimit -f`, because the limit holds for a whole process.
#![cfg(unix)]

use std::process::Command;

use candle_core::{DType, Device, Tensor};
use ts_model::weights::{SaveOptions, load, save};
use ts_model::{ModelConfig, ModelError};

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_one_that_was_there() {
    let test = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact under_the_limit --ignored";
    let output = Command::new("sh").args(["-c", script, test.to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "needs a limit on the size of files, which the other test sets"]
fn under_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let config = |vocab_size| ModelConfig::tiny(vocab_size, 8, 12, 1, (2, 1));
    let write = |vocab_size: usize| {
        let shape =
            |rows: usize, columns: usize| Tensor::zeros((rows, columns), DType::F32, &Device::Cpu).unwrap();
        let tensors =
            [("model.embed_tokens.weight", shape(vocab_size, 8)), ("lm_head.weight", shape(vocab_size, 8))];
        let tensors = tensors.iter().map(|(name, tensor)| (*name, tensor));
        save(folder.path(), &config(vocab_size), tensors, &SaveOptions::default())
    };
    write(8).unwrap();
    let files = ["model.safetensors", "config.json"].map(|name| folder.path().join(name));
    let before = files.each_ref().map(|file| std::fs::read(file).unwrap());

    let error = write(1000).unwrap_err();
    assert!(matches!(&error, ModelError::Io { path, .. } if path.starts_with(folder.path())), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("limit on the size of files")), "{error}");
    assert_eq!(files.map(|file| std::fs::read(file).unwrap()), before);

    // What was begun is in nobody's way.
    write(9).unwrap();
    let missing = load(folder.path(), &config(9), DType::F32, &Device::Cpu).unwrap_err();
    assert!(matches!(missing, ModelError::TensorMissing { .. }), "{missing}");
    assert!(!folder.path().join("model.safetensors.partial").exists());
}
