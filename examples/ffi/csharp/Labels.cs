// The label map of an image of bytes, without blocking: Labels.exe MAP WIDTH HEIGHT LABELS [MILLISECONDS]
//
// MAP is rows of red, green, blue; LABELS becomes a 16-bit number for each pixel: 0, or the number of its mask from 1 on.
// After so many milliseconds, or at Ctrl-C, the work is stopped. Sizes and offsets are those of docs/ffi.md's table.
using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

static class Labels
{
    const string Library = "libctm.so.0"; // Windows: "ctm"
    const int MaxCount = 5;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    delegate int Progress(IntPtr user, double done);

    // Only the fields that differ from the defaults: the initialisers write the others.
    [StructLayout(LayoutKind.Explicit, Size = 104)]
    struct Image
    {
        [FieldOffset(8)] public IntPtr Pixels;
        [FieldOffset(16)] public uint Width;
        [FieldOffset(20)] public uint Height;
        [FieldOffset(24)] public uint Channels;
        [FieldOffset(28)] public uint Format;
    }

    [StructLayout(LayoutKind.Explicit, Size = 192)]
    struct Params
    {
        [FieldOffset(16)] public uint MaxCount;
        [FieldOffset(104)] public IntPtr Progress;
    }

    [StructLayout(LayoutKind.Explicit, Size = 168)]
    struct Outputs
    {
        [FieldOffset(28)] public uint LabelFormat;
        [FieldOffset(32)] public IntPtr Labels;
        [FieldOffset(40)] public UIntPtr LabelsSize;
        [FieldOffset(48)] public IntPtr Palette;
        [FieldOffset(56)] public UIntPtr PaletteCapacity;
    }

    [StructLayout(LayoutKind.Explicit, Size = 88)]
    struct Entry
    {
        [FieldOffset(16)] public ulong PixelCount;
    }

    [StructLayout(LayoutKind.Explicit, Size = 136)]
    struct Result
    {
        [FieldOffset(8)] public uint MaskCount;
    }

    [DllImport(Library)] static extern int ctm_create(IntPtr options, out IntPtr context);
    [DllImport(Library)] static extern void ctm_destroy(IntPtr context);
    [DllImport(Library)] static extern IntPtr ctm_last_error(IntPtr context);
    [DllImport(Library)] static extern int ctm_image_init(out Image image, UIntPtr size);
    [DllImport(Library)] static extern int ctm_params_init(out Params parameters, UIntPtr size);
    [DllImport(Library)] static extern int ctm_outputs_init(out Outputs outputs, UIntPtr size);
    [DllImport(Library)] static extern int ctm_result_init(out Result result, UIntPtr size);
    [DllImport(Library)] static extern int ctm_analyze(
        IntPtr context, ref Image image, ref Params parameters, ref Outputs outputs, ref Result result);

    static void Check(int status, IntPtr context)
    {
        if (status != 0) throw new InvalidOperationException("ctm: " + Marshal.PtrToStringAnsi(ctm_last_error(context)));
    }

    static UIntPtr Size<T>() { return (UIntPtr)Marshal.SizeOf(typeof(T)); }

    static void Analyze(byte[] map, uint width, uint height, ushort[] labels, Entry[] entries, out Result result, CancellationToken stop)
    {
        // The arrays stay where they are until they are freed here.
        var held = new[] { GCHandle.Alloc(map, GCHandleType.Pinned), GCHandle.Alloc(labels, GCHandleType.Pinned), GCHandle.Alloc(entries, GCHandleType.Pinned) };
        var context = IntPtr.Zero;
        Progress progress = (user, done) => stop.IsCancellationRequested ? 1 : 0; // on the thread that called
        try
        {
            Image image;
            Check(ctm_image_init(out image, Size<Image>()), IntPtr.Zero);
            image.Pixels = held[0].AddrOfPinnedObject();
            image.Width = width;
            image.Height = height;
            image.Channels = 3;
            image.Format = 3; // CTM_FORMAT_U8
            Params parameters;
            Check(ctm_params_init(out parameters, Size<Params>()), IntPtr.Zero);
            parameters.MaxCount = MaxCount;
            parameters.Progress = Marshal.GetFunctionPointerForDelegate(progress);
            Outputs outputs;
            Check(ctm_outputs_init(out outputs, Size<Outputs>()), IntPtr.Zero);
            outputs.LabelFormat = 1; // CTM_LABEL_U16
            outputs.Labels = held[1].AddrOfPinnedObject();
            outputs.LabelsSize = (UIntPtr)(2UL * (ulong)labels.Length);
            outputs.Palette = held[2].AddrOfPinnedObject();
            outputs.PaletteCapacity = (UIntPtr)entries.Length;
            Check(ctm_result_init(out result, Size<Result>()), IntPtr.Zero);
            Check(ctm_create(IntPtr.Zero, out context), IntPtr.Zero);
            Check(ctm_analyze(context, ref image, ref parameters, ref outputs, ref result), context);
        }
        finally
        {
            ctm_destroy(context);
            foreach (var handle in held) handle.Free();
            GC.KeepAlive(progress); // C points to it, which the collector does not see.
        }
    }

    static async Task<int> Run(string[] arguments)
    {
        if (arguments.Length < 4 || arguments.Length > 5) throw new ArgumentException("usage: Labels.exe MAP WIDTH HEIGHT LABELS [MILLISECONDS]");
        uint width = uint.Parse(arguments[1]), height = uint.Parse(arguments[2]);
        var map = File.ReadAllBytes(arguments[0]);
        if ((ulong)map.Length != 3UL * width * height) throw new ArgumentException(arguments[0] + ": its size is not that of WIDTH x HEIGHT x 3 bytes");
        var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (sender, pressed) => { pressed.Cancel = true; stop.Cancel(); };
        if (arguments.Length == 5 && arguments[4] == "0") stop.Cancel();
        else if (arguments.Length == 5) stop.CancelAfter(int.Parse(arguments[4]));

        var labels = new ushort[(long)width * height];
        var entries = new Entry[MaxCount];
        var result = new Result();
        await Task.Run(() => Analyze(map, width, height, labels, entries, out result, stop.Token));
        for (var mask = 0; mask < result.MaskCount; mask++) Console.WriteLine("mask {0}: {1} pixels", mask + 1, entries[mask].PixelCount);
        var bytes = new byte[2L * labels.Length];
        Buffer.BlockCopy(labels, 0, bytes, 0, bytes.Length);
        File.WriteAllBytes(arguments[3], bytes);
        return 0;
    }

    static int Main(string[] arguments)
    {
        try
        {
            return Run(arguments).GetAwaiter().GetResult();
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }
}
