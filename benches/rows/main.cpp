// Times what lies beside the main road, through the C interface: see docs/performance.md. Prints figures as they come;
// --json leaves them for table.py, which holds them against the goals.
#include <thread>

#include "report.hpp"
#include "rows.hpp"

static const char USAGE[] = R"(rows [OPTIONS] LIBCTM.SO
    --against LIBCTM.SO  an older build that takes turns with the first; outputs have to be equal; may be repeated
    --filter TEXT        only rows whose name has TEXT; a number: only the rows of that road
    --seconds S          time for each row and what it is compared with (0.5)
    --cpu-time           the processor time of all threads instead of the wall clock, for a loaded machine
    --json FILE          writes the figures
    --on BACKEND         cpu, vulkan:DEVICE or auto:DEVICE, instead of the CPU; if repeated, they take turns
    --within S           rows that would begin later are left out
    --page FILE          writes the figures as a table of HTML
    --images DIR         writes images for the rivals in Python: raw bytes RGB, DIR/NAME-WIDTHxHEIGHT.rgb
    --list               only names the rows
)";

struct Options {
    std::vector<std::string> libraries; // the last is the one that is judged
    std::vector<Backend> backends; // the last, too
    std::string filter, json, page, images, start;
    double seconds = 0.5, within = 1e9;
    bool list = false;
};

static Options parse(int argc, char **argv) {
    Options options;
    std::string ours;
    for (int i = 1; i < argc; i++) {
        std::string argument = argv[i];
        auto value = [&]() -> std::string {
            if (++i == argc) fail(argument + ": a value is missing");
            return argv[i];
        };
        if (argument == "--against") options.libraries.push_back(value());
        else if (argument == "--filter") options.filter = value();
        else if (argument == "--seconds") options.seconds = std::atof(value().c_str());
        else if (argument == "--cpu-time") by_cpu_time = true;
        else if (argument == "--on") options.backends.push_back(Backend::of(value()));
        else if (argument == "--within") options.within = std::atof(value().c_str());
        else if (argument == "--json") options.json = value();
        else if (argument == "--page") options.page = value();
        else if (argument == "--images") options.images = value();
        else if (argument == "--list") options.list = true;
        else if (argument == "--start") options.start = value(); // for the rows of road 20, which call this program
        else if (argument.rfind("--", 0) == 0) fail(argument + ": unknown\n\n" + USAGE);
        else ours = argument;
    }
    if (ours.empty() && options.start.empty()) fail(std::string("a library is expected\n\n") + USAGE);
    options.libraries.push_back(ours);
    if (options.backends.empty()) options.backends.push_back({});
    return options;
}

static void write_images(const std::string &folder) {
    for (const char *name : {"photo", "different", "noise-fhd-16", "flat-16", "provinces"}) {
        auto image = image_of(name);
        std::string size = std::to_string(image->width) + "x" + std::to_string(image->height);
        std::string path = folder + "/" + name + "-" + size + ".rgb";
        Bytes bytes = image->bytes(3);
        FILE *file = std::fopen(path.c_str(), "wb");
        if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() || std::fclose(file))
            fail(path + " cannot be written");
    }
}

static void print_head(const std::vector<std::unique_ptr<Library>> &libraries) {
    std::printf("%-54s", "road and row");
    for (auto &library : libraries)
        std::printf(" %9s %9s", (libraries.size() > 1 ? library->backend.name : "best ms").c_str(), "median");
    std::printf("  (times what it is compared with)\n");
}

static void print_row(const Row &row, const Measured &measured) {
    std::printf("%-3s %-50s", row.road.c_str(), row.name.c_str());
    for (auto &time : measured.times) std::printf(" %9.4g %9.4g", time.best, time.median);
    for (size_t i = 0; i + 1 < measured.times.size(); i++)
        std::printf("  %.2fx", measured.times.back().best / measured.times[i].best);
    for (double ratio : measured.ratios)
        if (ratio > 0) std::printf("  (%.2f)", ratio);
    std::printf("\n");
    std::fflush(stdout);
}

int main(int argc, char **argv) {
    double begin = wall_ms();
    Options options = parse(argc, argv);
    if (!options.start.empty()) {
        Start start = start_here(options.start, options.backends.back());
        std::printf("%f %f %f\n", start.open, start.first, start.warm);
        std::fflush(stdout);
        std::_Exit(0);
    }
    std::vector<std::unique_ptr<Library>> libraries;
    for (auto &path : options.libraries)
        for (auto &backend : options.backends) libraries.push_back(std::make_unique<Library>(path, backend));
    for (size_t i = 1; i < libraries.size(); i++) libraries[i]->is_judge = false;
    Rows made(*libraries[0], std::max(1u, std::thread::hardware_concurrency()));
    std::vector<Row> rows = made.all();
    bool by_road = options.filter.find_first_not_of("0123456789") == std::string::npos;
    auto wanted = [&](const Row &row) {
        if (options.filter.empty()) return true;
        return by_road ? row.road == options.filter : row.name.find(options.filter) != std::string::npos;
    };
    if (std::none_of(rows.begin(), rows.end(), wanted)) std::fprintf(stderr, "rows: none is named %s\n", options.filter.c_str());
    if (!options.images.empty()) write_images(options.images);
    if (!options.list) print_head(libraries);
    Bench bench(rows, libraries, options.seconds);
    Report report(options.json, options.page, libraries);
    for (auto &row : rows) {
        if (!wanted(row)) continue;
        if (options.list) {
            std::printf("%-3s %s\n", row.road.c_str(), row.name.c_str());
        } else if (wall_ms() - begin > 1e3 * options.within) {
            std::printf("%-3s %-50s not measured: the time is up\n", row.road.c_str(), row.name.c_str());
            report.leave_out(row);
        } else {
            Measured measured = bench.measure(row);
            print_row(row, measured);
            report.add(row, measured);
        }
    }
    std::fflush(stdout);
    std::_Exit(0); // the pool's threads wait for more work
}
