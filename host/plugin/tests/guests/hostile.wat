;; A component with the verifier role; each test puts in the body of its `grade`.
;;
;; Written against the canonical ABI, so that it can do what no bindings generator would let it do. All its types
;; come from one import of types, which the host takes as nothing to grant.
(component
  (import "ts-host:plugin/types@0.3.0" (instance $types
    (type $span' (record (field "start" u32) (field "end" u32)))
    (export "span" (type $span (eq $span')))
    (type $value' (variant (case "boolean" bool) (case "integer" s64) (case "number" f64) (case "text" string)))
    (export "value" (type $value (eq $value')))
    (type $value-kind' (enum "boolean" "integer" "number" "text"))
    (export "value-kind" (type $value-kind (eq $value-kind')))
    (type $setting-spec' (record
      (field "name" string) (field "kind" $value-kind) (field "default" $value) (field "doc" string)))
    (export "setting-spec" (type $setting-spec (eq $setting-spec')))
    (type $setting' (record (field "name" string) (field "value" $value)))
    (export "setting" (type $setting (eq $setting')))
    (type $description' (record
      (field "name" string) (field "version" string) (field "summary" string)
      (field "settings" (list $setting-spec))))
    (export "description" (type $description (eq $description')))
    (type $problem' (record
      (field "id" string) (field "prompt" string) (field "reference" string)
      (field "metadata" (list (tuple string string)))))
    (export "problem" (type $problem (eq $problem')))
    (type $verdict' (variant
      (case "correct") (case "incorrect") (case "no-answer") (case "bad-reference" string)
      (case "undecided" string)))
    (export "verdict" (type $verdict (eq $verdict')))
    (type $outcome' (enum
      "passed" "wrong-answer" "runtime-error" "does-not-compile" "time-limit" "memory-limit" "no-program"))
    (export "test-outcome" (type $outcome (eq $outcome')))
    (type $graded' (record
      (field "verdict" $verdict) (field "score" f64) (field "answer" (option $span)) (field "note" string)
      (field "tests" (list $outcome))))
    (export "graded" (type $graded (eq $graded')))))
  (import "ts-host:plugin/log@0.3.0" (instance $log
    (type $level' (enum "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level')))
    (export "log" (func (param "level" $level) (param "message" string)))))
  (alias export $types "description" (type $description))
  (alias export $types "setting" (type $setting))
  (alias export $types "problem" (type $problem))
  (alias export $types "graded" (type $graded))

  (core module $libc
    (memory (export "memory") 2)
    (global $next (export "next") (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (core func $log (canon lower (func $log "log") (memory $libc "memory")))

  (core module $main
    (import "libc" "memory" (memory 2))
    (import "libc" "next" (global $next (mut i32)))
    (import "host" "log" (func $log (param i32 i32 i32)))
    (data (i32.const 1024) "hostile")
    (data (i32.const 1040) "0.1.0")
    (data (i32.const 1056) "Misbehaves.")
    (data (i32.const 1100) "\ff\fe")
    ;; the description: name, version, summary, settings, each a pointer and a length
    (data (i32.const 2048)
      "\00\04\00\00\07\00\00\00" "\10\04\00\00\05\00\00\00" "\20\04\00\00\0b\00\00\00" "\00\00\00\00\00\00\00\00")
    ;; the answer of `configure`: no error
    (data (i32.const 2112) "\00")
    ;; the answer of `grade`: correct, score 1, no span, empty note, no tests. Its fields: +0 error?, +8 verdict (or the
    ;; error's pointer, and its length at +12), +24 score, +32 span?, +36 start, +40 end, +44 note, +48 length,
    ;; +52 tests, +56 length
    (data (i32.const 3096) "\00\00\00\00\00\00\f0\3f")
    (func (export "describe") (result i32) (i32.const 2048))
    (func (export "configure") (param i32 i32) (result i32) (i32.const 2112))
    (func $recurse (param i32) (result i32)
      (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
    (func (export "grade") (param i32 i32 i32 i32 i32 i32 i32 i32) (param $response i32) (param $length i32)
      (result i32) (local $i i32)
      (global.set $next (i32.const 65536))
      {grade}))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance (export "log" (func $log))))))

  (func $describe (result $description)
    (canon lift (core func $main "describe") (memory $libc "memory")))
  (func $configure (param "settings" (list $setting)) (result (result (error string)))
    (canon lift (core func $main "configure") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func $grade (param "problem" $problem) (param "response" string) (result (result $graded (error string)))
    (canon lift (core func $main "grade") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (instance $plugin (export "describe" (func $describe)) (export "configure" (func $configure)))
  (instance $verifier (export "grade" (func $grade)))
  (export "ts-host:plugin/plugin@0.3.0" (instance $plugin))
  (export "ts-host:plugin/verifier@0.3.0" (instance $verifier)))
