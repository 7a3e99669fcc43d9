// A colour map of raw floats becomes masks: world MAP WIDTH HEIGHT MASKS
package main

// #cgo pkg-config: ctm
// #include <ctm.h>
import "C"

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"unsafe"
)

const channels, minPixels, maxCount = 3, 500, 5

func check(status C.ctm_status, context *C.ctm_context) {
	if status != C.CTM_OK {
		log.Fatalf("ctm: %s", C.GoString(C.ctm_last_error(context)))
	}
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: world MAP WIDTH HEIGHT MASKS")
	}
	width, _ := strconv.Atoi(os.Args[2])
	height, _ := strconv.Atoi(os.Args[3])
	plane := width * height
	bytes, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	} else if len(bytes) != plane*channels*4 {
		log.Fatalf("%s: its size is not that of WIDTH x HEIGHT x 3 floats", os.Args[1])
	}
	colorMap := append(bytes, 0) // one more, so that there is a first one
	var context *C.ctm_context
	check(C.ctm_create(nil, &context), nil)
	defer C.ctm_destroy(context)
	fmt.Println("ctm", C.GoString(C.ctm_version()))

	masks := make([]float32, maxCount*plane+1)
	var count C.uint32_t
	check(C.ctm_run(context, (*C.float)(unsafe.Pointer(&colorMap[0])), C.uint32_t(width), C.uint32_t(height), channels, minPixels,
		maxCount, (*C.float)(&masks[0]), C.size_t(maxCount*plane), &count), context)
	for mask := 0; mask < int(count); mask++ {
		pixels := 0
		for _, value := range masks[mask*plane : (mask+1)*plane] {
			pixels += int(value)
		}
		fmt.Printf("mask %d: %d pixels\n", mask+1, pixels)
	}
	written := unsafe.Slice((*byte)(unsafe.Pointer(&masks[0])), int(count)*plane*4)
	if err := os.WriteFile(os.Args[4], written, 0o644); err != nil {
		log.Fatal(err)
	}
}
