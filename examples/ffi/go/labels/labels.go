// The label map of an image of bytes: labels MAP WIDTH HEIGHT LABELS [MILLISECONDS]
//
// MAP is rows of red, green, blue; LABELS becomes a 16-bit number for each pixel: 0, or the number of its mask from 1 on.
// After so many milliseconds, or at Ctrl-C, the work is stopped.
package main

// #cgo pkg-config: ctm
// #include <ctm.h>
// int32_t goProgress(void *user, double done);
import "C"

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"runtime/cgo"
	"strconv"
	"time"
	"unsafe"
)

const channels, maxCount = 3, 5

func check(status C.ctm_status, ctm *C.ctm_context) {
	if status != C.CTM_OK {
		log.Fatalf("ctm: %s", C.GoString(C.ctm_last_error(ctm)))
	}
}

// Memory of the library's: Go lets no struct that C sees point to memory of its own.
func alloc(size int) unsafe.Pointer {
	var address unsafe.Pointer
	check(C.ctm_buffer_alloc(C.size_t(size)+1, &address), nil) // one more, so that there is a first one
	return address
}

// Called on the thread that works. A handle stands for the Go value, which C must not point to.
//
//export goProgress
func goProgress(user unsafe.Pointer, _ C.double) C.int32_t {
	stop := (*(*cgo.Handle)(user)).Value().(context.Context)
	if stop.Err() != nil {
		return 1
	}
	return 0
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 5 || len(os.Args) > 6 {
		log.Fatal("usage: labels MAP WIDTH HEIGHT LABELS [MILLISECONDS]")
	}
	width, _ := strconv.Atoi(os.Args[2])
	height, _ := strconv.Atoi(os.Args[3])
	bytes, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	} else if len(bytes) != width*height*channels {
		log.Fatalf("%s: its size is not that of WIDTH x HEIGHT x 3 bytes", os.Args[1])
	}
	stop, end := signal.NotifyContext(context.Background(), os.Interrupt)
	defer end()
	if len(os.Args) == 6 {
		milliseconds, _ := strconv.Atoi(os.Args[5])
		stop, end = context.WithTimeout(stop, time.Duration(milliseconds)*time.Millisecond)
		defer end()
	}
	runtime.LockOSThread() // ctm_last_error(NULL) is that of this thread.
	var ctm *C.ctm_context
	check(C.ctm_create(nil, &ctm), nil)
	defer C.ctm_destroy(ctm)

	// Initialisers in place of the macros, which cgo does not see.
	var image C.ctm_image
	check(C.ctm_image_init(&image, C.sizeof_ctm_image), nil)
	pixels := alloc(len(bytes))
	defer C.ctm_buffer_free(pixels)
	copy(unsafe.Slice((*byte)(pixels), len(bytes)), bytes)
	image.pixels = pixels
	image.width, image.height, image.channels = C.uint32_t(width), C.uint32_t(height), channels
	image.format = C.CTM_FORMAT_U8

	var params C.ctm_params
	check(C.ctm_params_init(&params, C.sizeof_ctm_params), nil)
	params.max_count = maxCount
	handle := (*cgo.Handle)(alloc(int(unsafe.Sizeof(cgo.Handle(0)))))
	defer C.ctm_buffer_free(unsafe.Pointer(handle))
	*handle = cgo.NewHandle(stop)
	defer handle.Delete()
	params.progress = (*[0]byte)(C.goProgress)
	params.progress_user = unsafe.Pointer(handle)

	var outputs C.ctm_outputs
	check(C.ctm_outputs_init(&outputs, C.sizeof_ctm_outputs), nil)
	labels := alloc(2 * width * height)
	defer C.ctm_buffer_free(labels)
	outputs.labels, outputs.labels_size = labels, C.size_t(2*width*height)
	outputs.label_format = C.CTM_LABEL_U16
	entries := alloc(maxCount * C.sizeof_ctm_palette_entry)
	defer C.ctm_buffer_free(entries)
	outputs.palette, outputs.palette_capacity = (*C.ctm_palette_entry)(entries), maxCount

	var result C.ctm_result
	check(C.ctm_result_init(&result, C.sizeof_ctm_result), nil)
	check(C.ctm_analyze(ctm, &image, &params, &outputs, &result), ctm)
	for mask, entry := range unsafe.Slice(outputs.palette, maxCount)[:result.mask_count] {
		fmt.Printf("mask %d: %d pixels\n", mask+1, entry.pixel_count)
	}
	file, err := os.Create(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	if err := binary.Write(file, binary.LittleEndian, unsafe.Slice((*uint16)(labels), width*height)); err != nil {
		log.Fatal(err)
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}
