; Runs the plug-in on images of all kinds and writes what went in and what came out into the folder `out`, for check.py.
; Expects `root`, the repository, and `out`.

(define log (open-output-file (string-append out "/cases.txt")))
(define (say . parts)
  (for-each (lambda (part) (display part log)) parts)
  (newline log))

; Writes drawables to NAME.1, NAME.2 and so on.
(define (dump name . items)
  (plug-in-ctm-test-dump (length items) (list->vector items) (string-append out "/" name)))

; What a call says when it fails.
(define (sentence-of call)
  (call/cc
    (lambda (return)
      (let ((hook *error-hook*))
        (set! *error-hook* (lambda message (set! *error-hook* hook) (return (car message))))
        (call)
        (set! *error-hook* hook)
        "no error"))))

; The new channels or layers.
(define (masks image drawable min-pixels max-count tolerance alpha output)
  (let* ((result (plug-in-ctm-color-map-to-masks RUN-NONINTERACTIVE image drawable
                                                 min-pixels max-count tolerance alpha output))
         (count (car result))
         (group (cadr result))
         (items (if (= group -1) (gimp-image-get-channels image) (gimp-item-get-children group))))
    (if (not (= count (car items))) (say "problem|" count " masks instead of " (car items)))
    (if (not (= output (if (= group -1) 0 1))) (say "problem|a group is missing, or there should be none"))
    (vector->list (cadr items))))

; One case: the source and the selection are dumped, then the source again and each new channel, or each layer and its
; mask. The image is deleted.
(define (check name image drawable min-pixels max-count tolerance alpha output)
  (dump (string-append name ".before") drawable (car (gimp-image-get-selection image)))
  (let* ((active (gimp-image-get-active-drawable image))
         (items (masks image drawable min-pixels max-count tolerance alpha output))
         (mask-of (lambda (layer) (car (gimp-layer-get-mask layer)))))
    (say "case|" name "|" min-pixels "|" max-count "|" tolerance "|" alpha "|" output "|"
         (car (gimp-image-width image)) "|" (car (gimp-image-height image)))
    (for-each (lambda (item) (say "mask|" (car (gimp-item-get-name item)))) items)
    (if (not (equal? active (gimp-image-get-active-drawable image)))
      (say "problem|" name ": another drawable is active"))
    (apply dump (string-append name ".after") drawable
           (if (= output 1) (append (map mask-of items) items) items))
    (gimp-image-delete image)))

(define (open name)
  (car (gimp-file-load RUN-NONINTERACTIVE (string-append root "/" name) name)))
(define (layer-of image) (car (gimp-image-get-active-layer image)))
(define world-map (open "data/world-countries-2048.png"))
(define (world) (car (gimp-image-duplicate world-map)))

; A part of the map with many countries, no multiple of a tile.
(define europe-map (world))
(gimp-image-crop europe-map 301 203 950 150)
(define (europe) (car (gimp-image-duplicate europe-map)))

; The library's own masks, to be compared with the first case's.
(let next ((number 1))
  (if (<= number 5)
    (let* ((file (string-append "mask-00" (number->string number)))
           (image (car (gimp-file-load RUN-NONINTERACTIVE (string-append out "/" file ".png") file))))
      (dump file (layer-of image))
      (gimp-image-delete image)
      (next (+ number 1)))))
(let ((image (world))) (check "world" image (layer-of image) 500 5 0 0 0))
(let ((image (world))) (check "world-layers" image (layer-of image) 500 5 0 0 1))

; All precisions with colours and with grey, with and without alpha.
(for-each
  (lambda (precision)
    (for-each
      (lambda (model)
        (let ((image (europe)))
          (if (> (cadr precision) 0) (gimp-image-convert-precision image (cadr precision)))
          (if (memq model '(grey grey-alpha)) (gimp-image-convert-grayscale image))
          (if (memq model '(rgb-alpha grey-alpha))
            (begin
              (gimp-layer-add-alpha (layer-of image))
              (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 20 20 60 60)
              (gimp-edit-clear (layer-of image))
              (gimp-selection-none image)))
          (check (string-append (car precision) "-" (symbol->string model)) image (layer-of image) 50 12 0 0 0)))
      (if (memv (cadr precision) (list 0 PRECISION-HALF-LINEAR)) '(rgb rgb-alpha grey grey-alpha) '(rgb-alpha))))
  `(("u8-gamma" 0) ("u8-linear" ,PRECISION-U8-LINEAR)
    ("u16-gamma" ,PRECISION-U16-GAMMA) ("u16-linear" ,PRECISION-U16-LINEAR)
    ("u32-gamma" ,PRECISION-U32-GAMMA) ("u32-linear" ,PRECISION-U32-LINEAR)
    ("half-gamma" ,PRECISION-HALF-GAMMA) ("half-linear" ,PRECISION-HALF-LINEAR)
    ("float-gamma" ,PRECISION-FLOAT-GAMMA) ("float-linear" ,PRECISION-FLOAT-LINEAR)
    ("double-gamma" ,PRECISION-DOUBLE-GAMMA) ("double-linear" ,PRECISION-DOUBLE-LINEAR)))

(define (indexed image)
  (gimp-image-convert-indexed image CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 200 FALSE FALSE "")
  image)
(let ((image (indexed (europe)))) (check "indexed" image (layer-of image) 50 12 0 0 0))
(let ((image (indexed (europe))))
  (gimp-layer-add-alpha (layer-of image))
  (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 20 20 60 60)
  (gimp-edit-clear (layer-of image))
  (gimp-selection-none image)
  (check "indexed-alpha-layers" image (layer-of image) 50 12 0 0 1))

; Alpha that is ignored, or makes pixels have no colour.
(define (faded)
  (let* ((image (europe)) (layer (layer-of image)))
    (gimp-layer-add-alpha layer)
    (gimp-image-select-ellipse image CHANNEL-OP-REPLACE 100 10 300 120)
    (gimp-selection-feather image 25)
    (gimp-edit-clear layer)
    (gimp-selection-none image)
    image))
(for-each
  (lambda (alpha)
    (let ((image (faded)))
      (check (string-append "faded-" (number->string alpha)) image (layer-of image) 50 12 0 alpha 0)))
  '(0 1 2))

; Near colours; a map with soft borders; more masks than a byte can number.
(let ((image (open "data/world-countries-antialiased-2048.png"))) (check "near" image (layer-of image) 500 24 60 0 0))
(let ((image (europe)))
  (gimp-image-convert-precision image PRECISION-U16-GAMMA)
  (check "near-u16" image (layer-of image) 200 6 40 0 1))
(let ((image (open "data/astronaut-1024.png")))
  (gimp-image-crop image 100 90 300 200)
  (check "many" image (layer-of image) 1 300 0 0 0))
(let ((image (europe))) (check "none" image (layer-of image) 1000000 12 0 0 0))

; Selections: a rectangle, an ellipse, soft edges, on bytes, halfs and floats.
(let ((image (europe)))
  (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 33 17 301 97)
  (check "rectangle" image (layer-of image) 50 12 0 0 0))
(for-each
  (lambda (precision)
    (let ((image (europe)))
      (if (> (cadr precision) 0) (gimp-image-convert-precision image (cadr precision)))
      (gimp-image-select-ellipse image CHANNEL-OP-REPLACE 33 17 301 97)
      (gimp-selection-feather image 20)
      (check (string-append "ellipse-" (car precision)) image (layer-of image) 50 12 0 0 (caddr precision))))
  `(("u8" 0 0) ("u16" ,PRECISION-U16-GAMMA 1) ("half" ,PRECISION-HALF-LINEAR 0) ("float" ,PRECISION-FLOAT-LINEAR 1)))

; Layers that are moved, partly outside of the image, have a mask already, are groups; channels.
(let ((image (europe)))
  (gimp-layer-set-offsets (layer-of image) -100 30)
  (check "moved" image (layer-of image) 50 12 0 0 0))
(let ((image (europe)))
  (gimp-layer-set-offsets (layer-of image) 60 -20)
  (gimp-image-select-rectangle image CHANNEL-OP-REPLACE 0 0 301 97)
  (check "moved-layers" image (layer-of image) 50 12 0 0 1))
(let* ((image (europe)) (layer (layer-of image)))
  (gimp-layer-add-mask layer (car (gimp-layer-create-mask layer ADD-MASK-WHITE)))
  (gimp-layer-set-edit-mask layer FALSE)
  (gimp-item-set-lock-content layer TRUE)
  (check "masked-layers" image layer 50 12 0 0 1))
(let* ((image (europe)) (layer (layer-of image)) (group (car (gimp-layer-group-new image))))
  (gimp-image-insert-layer image group 0 0)
  (gimp-image-reorder-item image layer group 0)
  (gimp-image-set-active-layer image group)
  (check "group-layers" image group 50 12 0 0 1))
(let* ((image (europe)) (layer (layer-of image)) (mask (car (gimp-layer-create-mask layer ADD-MASK-COPY))))
  (gimp-layer-add-mask layer mask)
  (check "mask" image mask 50 12 0 0 0))

; Wrong arguments.
(let* ((image (europe)) (other (europe)) (layer (layer-of image)) (mask (car (gimp-layer-create-mask layer ADD-MASK-COPY))))
  (define (wrong drawable min-pixels max-count tolerance alpha output)
    (say "error|" (sentence-of (lambda () (masks image drawable min-pixels max-count tolerance alpha output)))))
  (gimp-layer-add-mask layer mask)
  (wrong layer -1 5 0 0 0)
  (wrong layer 500 0 0 0 0)
  (wrong layer 500 65536 0 0 0)
  (wrong layer 500 5 -0.5 0 0)
  (wrong layer 500 5 0 3 0)
  (wrong layer 500 5 0 0 2)
  (wrong (layer-of other) 500 5 0 0 0)
  (wrong mask 500 5 0 0 1)
  (gimp-layer-set-offsets layer 5000 0)
  (wrong layer 500 5 0 0 0)
  (say "channels|" (car (gimp-image-get-channels image)))
  (gimp-image-delete image)
  (gimp-image-delete other))

; The settings of the dialog's last run, or the defaults where there was none.
(let ((image (world)))
  (plug-in-ctm-color-map-to-masks RUN-WITH-LAST-VALS image (layer-of image) 0 0 0 0 0)
  (say "channels|" (car (gimp-image-get-channels image)))
  (gimp-image-delete image))

(say "end")
(close-output-port log)
(gimp-quit TRUE)
