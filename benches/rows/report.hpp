// The figures as JSON, for table.py, and as a table of HTML. Both files are whole after each row, so that a row that fails
// leaves what was measured before it.
#pragma once

#include <algorithm>

#include "measure.hpp"

class Report {
public:
    Report(std::string json, std::string page, const std::vector<std::unique_ptr<Library>> &libraries)
        : json_path(std::move(json)), page_path(std::move(page)) {
        for (auto &library : libraries) columns.push_back(library->backend);
        write();
    }

    void add(const Row &row, const Measured &measured) {
        objects += (objects.empty() ? "\n  " : ",\n  ") + object(row, measured);
        lines += line(row, measured);
        write();
    }

    void leave_out(const Row &row) {
        left_out += (left_out.empty() ? "" : "; ") + row.name;
        write();
    }

private:
    std::string json_path, page_path, objects, lines, left_out;
    std::vector<Backend> columns;

    static std::string number(const char *format, double value) {
        char text[64];
        std::snprintf(text, sizeof text, format, value);
        return text;
    }

    static std::string replaced(const std::string &text, const std::vector<std::pair<char, const char *>> &by) {
        std::string to;
        for (char byte : text) {
            auto found = std::find_if(by.begin(), by.end(), [&](auto &pair) { return pair.first == byte; });
            if (found == by.end()) to += byte;
            else to += found->second;
        }
        return to;
    }

    static std::string quoted(const std::string &text) {
        return '"' + replaced(text, {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}}) + '"';
    }

    static std::string cell(const std::string &text, const char *tag = "td") {
        return std::string("<") + tag + ">" + replaced(text, {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}}) + "</" + tag + ">";
    }

    static std::string pair(const Time &time) {
        return "\"best\": " + number("%.5f", time.best) + ", \"median\": " + number("%.5f", time.median);
    }

    std::string object(const Row &row, const Measured &measured) const {
        std::string text = "{\"road\": " + quoted(row.road) + ", \"name\": " + quoted(row.name) + ", \"unit\": ";
        text += quoted(by_cpu_time ? "CPU ms" : "ms") + ", " + pair(measured.times.back()) + ", \"goals\": [";
        for (size_t i = 0; i < row.goals.size(); i++) {
            text += std::string(i ? ", " : "") + "{\"limit\": " + number("%g", row.goals[i].limit) + ", \"base\": ";
            text += quoted(row.goals[i].base) + ", \"ratio\": " + number("%.4f", measured.ratios[i]) + "}";
        }
        text += "], \"times\": [";
        for (size_t i = 0; i < measured.times.size(); i++)
            text += std::string(i ? ", " : "") + "{\"on\": " + quoted(columns[i].text()) + ", " + pair(measured.times[i]) + "}";
        text += "]";
        if (!measured.choice.empty()) text += ", \"auto\": " + quoted(measured.choice);
        return text + "}";
    }

    std::string line(const Row &row, const Measured &measured) const {
        std::string text = "<tr>" + cell(row.road) + cell(row.name);
        double least = 1e300;
        for (size_t i = 0; i < columns.size(); i++)
            if (columns[i].number != CTM_BACKEND_AUTO) least = std::min(least, measured.times[i].median);
        for (auto &time : measured.times) {
            bool best = time.median <= least;
            text += cell(number("%.4g", time.best));
            text += best ? cell(number("%.4g", time.median), "th") : cell(number("%.4g", time.median));
        }
        for (size_t i = 0; i < columns.size(); i++)
            if (columns[i].number == CTM_BACKEND_AUTO) text += cell(number("%.2f", measured.times[i].median / least));
        return text + cell(measured.choice) + "</tr>\n";
    }

    std::string page() const {
        std::string text = "<table>\n<tr>" + cell("road", "th") + cell("row", "th");
        for (auto &column : columns) text += cell(column.text() + ", best ms", "th") + cell("median", "th");
        for (auto &column : columns)
            if (column.number == CTM_BACKEND_AUTO) text += cell("auto / the best other", "th");
        text += cell("what auto says", "th") + "</tr>\n" + lines + "</table>\n";
        if (!left_out.empty()) text += cell("Not measured, since the time was up: " + left_out, "p") + "\n";
        return text;
    }

    static void write(const std::string &path, const std::string &text) {
        if (path.empty()) return;
        FILE *file = std::fopen(path.c_str(), "w");
        if (!file || std::fwrite(text.data(), 1, text.size(), file) != text.size() || std::fclose(file))
            fail(path + " cannot be written");
    }

    void write() const {
        write(json_path, "[" + objects + "\n]\n");
        write(page_path, page());
    }
};
