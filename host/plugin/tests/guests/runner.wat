;; A component with the runner role: the language `test`, whose programs are one letter. `l` loops for ever, `w` waits for a line,
;; and everything else ends at once.
(component
  (import "ts-host:plugin/types@0.3.0" (instance $types
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
    (export "description" (type $description (eq $description')))))
  (import "ts-host:plugin/stdio@0.3.0" (instance $stdio
    (export "read" (func (param "most" u32) (result (list u8))))))
  (alias export $types "description" (type $description))
  (alias export $types "setting" (type $setting))

  (core module $libc
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (core func $read (canon lower (func $stdio "read") (memory $libc "memory") (realloc (func $libc "realloc"))))

  (core module $main
    (import "libc" "memory" (memory 2))
    (import "host" "read" (func $read (param i32 i32)))
    (data (i32.const 1024) "test_runner")
    (data (i32.const 1040) "0.1.0")
    (data (i32.const 1056) "test")
    ;; the description: name, version, summary, settings, each a pointer and a length
    (data (i32.const 2048)
      "\00\04\00\00\0b\00\00\00" "\10\04\00\00\05\00\00\00" "\00\04\00\00\0b\00\00\00" "\00\00\00\00\00\00\00\00")
    ;; the language
    (data (i32.const 2176) "\20\04\00\00\04\00\00\00")
    (func (export "describe") (result i32) (i32.const 2048))
    ;; no error
    (func (export "configure") (param i32 i32) (result i32) (i32.const 2112))
    (func (export "language") (result i32) (i32.const 2176))
    ;; its text is its code: no error, the case `code`, a pointer and a length
    (func (export "compile") (param $text i32) (param $length i32) (result i32)
      (i32.store (i32.const 2208) (local.get $text))
      (i32.store (i32.const 2212) (local.get $length))
      (i32.const 2200))
    (func (export "run") (param $code i32) (param $length i32) (param $time i32) (result i32)
      (if (i32.eq (i32.load8_u (local.get $code)) (i32.const 108)) (then (loop (br 0))))
      (if (i32.eq (i32.load8_u (local.get $code)) (i32.const 119))
        (then (call $read (i32.const 100) (i32.const 2400))))
      ;; no error, the case `exited`, 0
      (i32.const 2300)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance (export "read" (func $read))))))

  (func $describe (result $description)
    (canon lift (core func $main "describe") (memory $libc "memory")))
  (func $configure (param "settings" (list $setting)) (result (result (error string)))
    (canon lift (core func $main "configure") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (instance $plugin (export "describe" (func $describe)) (export "configure" (func $configure)))
  (export "ts-host:plugin/plugin@0.3.0" (instance $plugin))

  (type $compiled (variant (case "code" (list u8)) (case "rejected" string)))
  (type $program (record (field "code" (list u8)) (field "time-ms" u32)))
  (type $ending (variant (case "exited" u8) (case "failed" string)))
  (func $language (result string)
    (canon lift (core func $main "language") (memory $libc "memory")))
  (func $compile (param "source" string) (result (result $compiled (error string)))
    (canon lift (core func $main "compile") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (func $run (param "program" $program) (result (result $ending (error string)))
    (canon lift (core func $main "run") (memory $libc "memory") (realloc (func $libc "realloc"))))
  ;; An interface that has types of its own exports them, and its functions by those.
  (component $interface
    (type $compiled' (variant (case "code" (list u8)) (case "rejected" string)))
    (import "compiled" (type $compiled (eq $compiled')))
    (type $program' (record (field "code" (list u8)) (field "time-ms" u32)))
    (import "program" (type $program (eq $program')))
    (type $ending' (variant (case "exited" u8) (case "failed" string)))
    (import "ending" (type $ending (eq $ending')))
    (import "language" (func $language (result string)))
    (import "compile" (func $compile (param "source" string) (result (result $compiled (error string)))))
    (import "run" (func $run (param "program" $program) (result (result $ending (error string)))))
    (export $compiled-out "compiled" (type $compiled))
    (export $program-out "program" (type $program))
    (export $ending-out "ending" (type $ending))
    (export "language" (func $language))
    (export "compile" (func $compile)
      (func (param "source" string) (result (result $compiled-out (error string)))))
    (export "run" (func $run)
      (func (param "program" $program-out) (result (result $ending-out (error string))))))
  (instance $runner (instantiate $interface
    (with "compiled" (type $compiled))
    (with "program" (type $program))
    (with "ending" (type $ending))
    (with "language" (func $language))
    (with "compile" (func $compile))
    (with "run" (func $run))))
  (export "ts-host:plugin/runner@0.3.0" (instance $runner)))
