;; How fast does a core read memory? Read a stretch of it again and again, 16 bytes with each load, into eight sums
;; that do not wait for each other. The grand total is returned, so that nobody can leave the reading out, and so that
;; whoever asked can see that every word was read.
;;
;; `python -m reckoner.show.own_machine` writes the bytes of this module into own_machine.js, in base64.
(module
  (memory (export "memory") 1)

  ;; The sum of all 32-bit words from one address up to another, `rounds` times over. Both are multiples of 128.
  (func (export "sum") (param $from i32) (param $to i32) (param $rounds i32) (result i32)
    (local $at i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $e v128) (local $f v128) (local $g v128) (local $h v128)
    (loop $round
      (local.set $at (local.get $from))
      (loop $read
        (local.set $a (i32x4.add (local.get $a) (v128.load offset=0 (local.get $at))))
        (local.set $b (i32x4.add (local.get $b) (v128.load offset=16 (local.get $at))))
        (local.set $c (i32x4.add (local.get $c) (v128.load offset=32 (local.get $at))))
        (local.set $d (i32x4.add (local.get $d) (v128.load offset=48 (local.get $at))))
        (local.set $e (i32x4.add (local.get $e) (v128.load offset=64 (local.get $at))))
        (local.set $f (i32x4.add (local.get $f) (v128.load offset=80 (local.get $at))))
        (local.set $g (i32x4.add (local.get $g) (v128.load offset=96 (local.get $at))))
        (local.set $h (i32x4.add (local.get $h) (v128.load offset=112 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 128)))
        (br_if $read (i32.lt_u (local.get $at) (local.get $to))))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $round (local.get $rounds)))

    (local.set $a (i32x4.add (i32x4.add (local.get $a) (local.get $b)) (i32x4.add (local.get $c) (local.get $d))))
    (local.set $e (i32x4.add (i32x4.add (local.get $e) (local.get $f)) (i32x4.add (local.get $g) (local.get $h))))
    (local.set $a (i32x4.add (local.get $a) (local.get $e)))
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $a)) (i32x4.extract_lane 1 (local.get $a)))
      (i32.add (i32x4.extract_lane 2 (local.get $a)) (i32x4.extract_lane 3 (local.get $a))))))
