#include "settings_toml.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <cstdio>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <vector>

namespace {

using visitor = void (*)(void *, const usher_toml_value *);

void walk(const toml::table &table, const std::string &prefix, visitor visit, void *context);

void report(const toml::node &node, const std::string &path, visitor visit, void *context)
{
    if (auto tables = node.as_array(); tables && !tables->empty() && tables->is_homogeneous(toml::node_type::table)) {
        size_t number = 0;
        for (auto &element : *tables) {
            std::string numbered = path + '[' + std::to_string(++number) + ']';
            usher_toml_value begin{};
            begin.path = numbered.c_str();
            begin.kind = USHER_TOML_TABLE;
            begin.line = static_cast<int>(element.source().begin.line);
            begin.column = static_cast<int>(element.source().begin.column);
            visit(context, &begin);
            walk(*element.as_table(), numbered + ".", visit, context);
        }
        return;
    }
    std::vector<const char *> strings;
    std::vector<size_t> lengths;
    auto add = [&](const std::string &text) {
        strings.push_back(text.data());
        lengths.push_back(text.size());
    };
    usher_toml_value value{};
    value.kind = USHER_TOML_OTHER;
    if (auto text = node.as_string()) {
        value.kind = USHER_TOML_STRING;
        add(text->get());
    } else if (auto number = node.as_integer()) {
        value.kind = USHER_TOML_INTEGER;
        value.integer = number->get();
    } else if (auto flag = node.as_boolean()) {
        value.kind = USHER_TOML_BOOLEAN;
        value.integer = flag->get();
    } else if (auto list = node.as_array(); list && (list->empty() || list->is_homogeneous(toml::node_type::string))) {
        value.kind = USHER_TOML_STRINGS;
        for (auto &element : *list) add(element.as_string()->get());
    } else if (node.is_table()) {
        value.kind = USHER_TOML_TABLE;
    }
    value.path = path.c_str();
    value.strings = strings.data();
    value.lengths = lengths.data();
    value.count = strings.size();
    value.line = static_cast<int>(node.source().begin.line);
    value.column = static_cast<int>(node.source().begin.column);
    visit(context, &value);
}

/* As TOML writes it: what is no bare key stands in quotes, or its dots would be taken for those between keys. */
std::string written(std::string_view key)
{
    const char *bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    if (!key.empty() && key.find_first_not_of(bare) == key.npos) return std::string(key);
    std::string quoted = "\"";
    for (char letter : key) {
        if (letter == '"' || letter == '\\') quoted += '\\';
        quoted += letter;
    }
    return quoted + '"';
}

void walk(const toml::table &table, const std::string &prefix, visitor visit, void *context)
{
    for (auto &&[key, node] : table) {
        std::string path = prefix + written(key.str());
        auto inner = node.as_table();
        if (inner && !inner->empty())
            walk(*inner, path + ".", visit, context);
        else
            report(node, path, visit, context);
    }
}

} // namespace

extern "C" int usher_toml_read(const char *text, size_t length, visitor visit, void *context, char *message, size_t room, int *line,
                               int *column)
{
    toml::parse_result result = toml::parse(std::string_view(text, length));
    if (!result) {
        std::snprintf(message, room, "%.*s", static_cast<int>(result.error().description().size()), result.error().description().data());
        *line = static_cast<int>(result.error().source().begin.line);
        *column = static_cast<int>(result.error().source().begin.column);
        return -1;
    }
    walk(result.table(), "", visit, context);
    return 0;
}
