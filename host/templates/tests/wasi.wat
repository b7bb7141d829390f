;; A length function as a compiler for WASI would make it. What it does with a text is put in by the test; it gives one more than `$value`.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (global $free (mut i32) (i32.const 131072))
  (global $value (mut f64) (f64.const 0))

  ;; The simplest allocator: up, and more memory where there is none.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $place i32)
    (local.set $place (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $place) (local.get 3)))
    (if (i32.gt_u (global.get $free) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1))))))
    (local.get $place))

  ;; Writes the text at 1024, so many bytes, to a stream.
  (func $print (param $stream i32) (param $bytes i32)
    (i32.store (i32.const 512) (i32.const 1024))
    (i32.store (i32.const 516) (local.get $bytes))
    (drop (call $fd_write (local.get $stream) (i32.const 512) (i32.const 1) (i32.const 520))))

  (data (i32.const 16) "wasi0.1.0")
  (data (i32.const 64) "\10\00\00\00\04\00\00\00\14\00\00\00\05\00\00\00\10\00\00\00\04\00\00\00\08\00\00\00\00\00\00\00")
  (data (i32.const 1024) "{text}")
  (func (export "ts-host:plugin/plugin@VERSION#describe") (result i32) (i32.const 64))
  (func (export "ts-host:plugin/plugin@VERSION#configure") (param i32 i32) (result i32) (i32.const 128))
  (func (export "ts-host:plugin/length-function@VERSION#measure") (param i32 i32 i32) (result i32)
    {measure}
    (f64.store (i32.const 264) (f64.add (global.get $value) (f64.const 1)))
    (i32.const 256)))
