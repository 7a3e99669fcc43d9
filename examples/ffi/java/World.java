// A colour map of raw floats becomes masks: java -cp jna.jar World.java MAP WIDTH HEIGHT MASKS
import com.sun.jna.*;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.*;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

public class World {
    interface Ctm extends Library {
        int ctm_create(Pointer options, PointerByReference context);
        int ctm_run(Pointer context, Buffer colorMap, int width, int height, int channels, long minPixels,
                int maxCount, Buffer masks, NativeLong masksLen, IntByReference maskCount);
        void ctm_destroy(Pointer context);
        String ctm_last_error(Pointer context);
        String ctm_version();
    }

    static final int CHANNELS = 3, MIN_PIXELS = 500, MAX_COUNT = 5;
    static final Ctm CTM = Native.load("libctm.so.0", Ctm.class);

    static void fail(String sentence) {
        System.err.println(sentence);
        System.exit(1);
    }

    static void check(int status, Pointer context) {
        if (status != 0) fail("ctm: " + CTM.ctm_last_error(context));
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 4) fail("usage: java -cp jna.jar World.java MAP WIDTH HEIGHT MASKS");
        int width = Integer.parseInt(args[1]), height = Integer.parseInt(args[2]), plane = width * height;
        // Direct buffers: the library works on their memory, without a copy.
        FileChannel file = FileChannel.open(Path.of(args[0]));
        if (file.size() != 4L * plane * CHANNELS) fail(args[0] + ": its size is not that of WIDTH x HEIGHT x 3 floats");
        ByteBuffer map = ByteBuffer.allocateDirect((int) file.size());
        while (map.hasRemaining() && file.read(map) >= 0) { }
        PointerByReference holder = new PointerByReference();
        check(CTM.ctm_create(null, holder), null);
        Pointer context = holder.getValue();
        System.out.println("ctm " + CTM.ctm_version());
        ByteBuffer masks = ByteBuffer.allocateDirect(4 * MAX_COUNT * plane).order(ByteOrder.nativeOrder());
        IntByReference count = new IntByReference();
        check(CTM.ctm_run(context, map.rewind(), width, height, CHANNELS, MIN_PIXELS, MAX_COUNT, masks,
                new NativeLong((long) MAX_COUNT * plane), count), context);
        CTM.ctm_destroy(context);
        for (int mask = 0; mask < count.getValue(); mask++) {
            long pixels = 0;
            for (int pixel = 0; pixel < plane; pixel++) pixels += (long) masks.getFloat(4 * (mask * plane + pixel));
            System.out.println("mask " + (mask + 1) + ": " + pixels + " pixels");
        }
        try (var output = FileChannel.open(Path.of(args[3]), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            output.write(masks.limit(4 * plane * count.getValue()));
        }
    }
}
