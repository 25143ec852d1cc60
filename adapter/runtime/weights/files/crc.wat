;; CRC-64/NVME and CRC-32C over WebAssembly memory, at the speed of memory. A multiple of the polynomial that has few
;; terms, each at a whole byte, says that a byte may be added (XOR) at a few later places instead of its own without a
;; change of the remainder. So all but the last 6,720 bytes are folded into what follows them, 16 at a time; the rest
;; goes through tables, 8 bytes a step.
;; Sources: folding with few terms is Chorba (Russell, arXiv 2412.16398), here with our own multiples, which the test
;; divides by the polynomial; polynomials: NVM Express NVM Command Set Specification 5.2.1.3.4, RFC 3720.
;;
;; Memory: 0 tables of CRC-64/NVME; 16384 tables of CRC-32C; 32768 history; 39488 the folded chunk; 55872 the rest;
;; from 65536 on the caller's. Reads up to 15 bytes after an input.
(module
  (memory (import "env" "memory") 1)
  (start $makeAllTables)

  (func $makeAllTables
    (call $makeTables (i32.const 0) (i64.const 0x9a6c9329ac4bc9b5))
    (call $makeTables (i32.const 16384) (i64.const 0x82f63b78)))

  ;; 8 tables of 256 remainders: of a byte, and of a byte with 1 to 7 zero bytes after it.
  (func $makeTables (param $table i32) (param $polynomial i64)
    (local $i i32) (local $bit i32) (local $value i64)
    (loop $entries
      (if (i32.lt_u (local.get $i) (i32.const 256))
        (then
          (local.set $value (i64.extend_i32_u (local.get $i)))
          (local.set $bit (i32.const 8))
          (loop $bits
            (local.set $value
              (i64.xor
                (i64.shr_u (local.get $value) (i64.const 1))
                (i64.mul (local.get $polynomial) (i64.and (local.get $value) (i64.const 1)))))
            (br_if $bits (local.tee $bit (i32.sub (local.get $bit) (i32.const 1))))))
        (else
          ;; One zero byte more than the entry 256 before.
          (local.set $value (i64.load (call $entry (local.get $table) (i32.sub (local.get $i) (i32.const 256)))))
          (local.set $value (call $step (local.get $table) (local.get $value)))))
      (i64.store (call $entry (local.get $table) (local.get $i)) (local.get $value))
      (br_if $entries (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2048)))))

  (func $entry (param $table i32) (param $i i32) (result i32)
    (i32.add (local.get $table) (i32.shl (local.get $i) (i32.const 3))))

  ;; The remainder after one byte more, which has been added to the lowest byte.
  (func $step (param $table i32) (param $crc i64) (result i64)
    (i64.xor
      (i64.shr_u (local.get $crc) (i64.const 8))
      (i64.load (call $entry (local.get $table) (i32.and (i32.wrap_i64 (local.get $crc)) (i32.const 255))))))

  ;; Slicing by 8. A CRC of 32 bits is one of 64 whose upper half is 0.
  (func $slice (param $table i32) (param $crc i64) (param $at i32) (param $length i32) (result i64)
    (block $noWords
      (br_if $noWords (i32.lt_u (local.get $length) (i32.const 8)))
      (loop $words
        (local.set $crc (i64.xor (local.get $crc) (i64.load (local.get $at))))
        ;; The tables of the byte with 7 zero bytes after it, then 6, ...; 2040 is a byte's mask times 8.
        (i64.load offset=14336 (i32.add (local.get $table) (i32.and (i32.wrap_i64 (i64.shl (local.get $crc) (i64.const 3))) (i32.const 2040))))
        (i64.xor (i64.load offset=12288 (i32.add (local.get $table) (i32.and (i32.wrap_i64 (i64.shr_u (local.get $crc) (i64.const 5))) (i32.const 2040)))))
        (i64.xor (i64.load offset=10240 (i32.add (local.get $table) (i32.and (i32.wrap_i64 (i64.shr_u (local.get $crc) (i64.const 13))) (i32.const 2040)))))
        (i64.xor (i64.load offset=8192 (i32.add (local.get $table) (i32.and (i32.wrap_i64 (i64.shr_u (local.get $crc) (i64.const 21))) (i32.const 2040)))))
        (i64.xor (i64.load offset=6144 (i32.add (local.get $table) (i32.and (i32.wrap_i64 (i64.shr_u (local.get $crc) (i64.const 29))) (i32.const 2040)))))
        (i64.xor (i64.load offset=4096 (i32.add (local.get $table) (i32.and (i32.wrap_i64 (i64.shr_u (local.get $crc) (i64.const 37))) (i32.const 2040)))))
        (i64.xor (i64.load offset=2048 (i32.add (local.get $table) (i32.and (i32.wrap_i64 (i64.shr_u (local.get $crc) (i64.const 45))) (i32.const 2040)))))
        (i64.xor (i64.load (i32.add (local.get $table) (i32.and (i32.wrap_i64 (i64.shr_u (local.get $crc) (i64.const 53))) (i32.const 2040)))))
        (local.set $crc)
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $words
          (i32.ge_u (local.tee $length (i32.sub (local.get $length) (i32.const 8))) (i32.const 8)))))
    (block $noBytes
      (br_if $noBytes (i32.eqz (local.get $length)))
      (loop $bytes
        (local.set $crc
          (call $step (local.get $table) (i64.xor (local.get $crc) (i64.load8_u (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $bytes (local.tee $length (i32.sub (local.get $length) (i32.const 1))))))
    (local.get $crc))

  ;; x^(8*6711) + x^(8*5325) + x^(8*2211) + x^(8*2101) + x^(8*1514) + x^(8*1262) + 1 is a multiple of CRC-64/NVME's
  ;; polynomial, so that a byte may be added to those 1386, 4500, ... and 6711 places after it instead.
  (func $fold64 (param $at i32) (param $length i32) (param $from i32) (param $to i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (loop $vectors
      (local.get $to)
      (v128.load (local.get $at))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 1386))))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 4500))))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 4610))))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 5197))))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 5449))))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 6711))))
      (v128.store)
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (br_if $vectors (i32.lt_u (local.get $at) (local.get $end)))))

  ;; x^(8*5321) + x^(8*3574) + x^(8*2491) + 1 is a multiple of CRC-32C's.
  (func $fold32c (param $at i32) (param $length i32) (param $from i32) (param $to i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (loop $vectors
      (local.get $to)
      (v128.load (local.get $at))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 1747))))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 2830))))
      (v128.xor (v128.load (i32.sub (local.get $from) (i32.const 5321))))
      (v128.store)
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (br_if $vectors (i32.lt_u (local.get $at) (local.get $end)))))

  (func $fold (param $table i32) (param $at i32) (param $length i32) (param $from i32) (param $to i32)
    (if (local.get $table)
      (then (call $fold32c (local.get $at) (local.get $length) (local.get $from) (local.get $to)))
      (else (call $fold64 (local.get $at) (local.get $length) (local.get $from) (local.get $to)))))

  ;; The remainder of $crc and the bytes after it. $span: how far the first term is from the last.
  (func $remainder (param $table i32) (param $span i32) (param $crc i64) (param $at i32) (param $length i32)
    (result i64)
    (local $part i32)
    (if (i32.ge_u (local.get $length) (i32.const 16384))
      (then
        ;; What lies $span before the first byte is added to it and to nothing else: there is the place of $crc.
        (memory.fill (i32.const 32768) (i32.const 0) (i32.const 6720))
        (i64.store (i32.sub (i32.const 39488) (local.get $span)) (local.get $crc))
        (local.set $crc (i64.const 0))
        (loop $chunks
          (local.set $part (i32.and (i32.sub (local.get $length) (i32.const 6720)) (i32.const -16)))
          (if (i32.gt_u (local.get $part) (i32.const 16384)) (then (local.set $part (i32.const 16384))))
          (call $fold (local.get $table) (local.get $at) (local.get $part) (i32.const 39488) (i32.const 39488))
          (memory.copy (i32.const 32768) (i32.add (i32.const 32768) (local.get $part)) (i32.const 6720))
          (local.set $at (i32.add (local.get $at) (local.get $part)))
          (br_if $chunks
            (i32.ge_u
              (local.tee $length (i32.sub (local.get $length) (local.get $part)))
              (i32.const 6736))))
        ;; The rest takes what was folded into it and is not folded on: nothing but zeros comes after the history.
        (memory.fill (i32.const 39488) (i32.const 0) (i32.const 6752))
        (call $fold (local.get $table) (local.get $at) (local.get $length) (i32.const 39488) (i32.const 55872))
        (local.set $at (i32.const 55872))))
    (call $slice (local.get $table) (local.get $crc) (local.get $at) (local.get $length)))

  ;; The CRC of what `crc` is the CRC of (0: nothing), and `length` bytes at `at`.
  (func (export "crc64nvme") (param $crc i64) (param $at i32) (param $length i32) (result i64)
    (i64.xor
      (call $remainder
        (i32.const 0)
        (i32.const 6711)
        (i64.xor (local.get $crc) (i64.const -1))
        (local.get $at)
        (local.get $length))
      (i64.const -1)))

  (func (export "crc32c") (param $crc i64) (param $at i32) (param $length i32) (result i64)
    (i64.xor
      (call $remainder
        (i32.const 16384)
        (i32.const 5321)
        (i64.xor (local.get $crc) (i64.const 0xffffffff))
        (local.get $at)
        (local.get $length))
      (i64.const 0xffffffff))))
