// Loads mdd.toml: read key by key, fill in, check across. The table is in mdd_schema.cpp.
#include "controlplane/config/mdd_config.h"

#include "controlplane/config/mdd_finish.h"

namespace mdd::config {

std::variant<MddConfig, ConfigErrors> parse_mdd_config(std::string_view text, std::string file_name,
                                                       const ReadOptions& options,
                                                       const Machine& machine) {
    const std::function<void(MddConfig&, Reader&)> finish = [&machine](MddConfig& config,
                                                                       Reader& reader) {
        compute_defaults(config, reader, machine);
        check_across(config, reader);
    };
    return parse_config(text, std::move(file_name), mdd_schema(), options, finish);
}

std::variant<MddConfig, ConfigErrors> load_mdd_config(const std::filesystem::path& path) {
    auto text = read_config_file(path);
    if (auto* errors = std::get_if<ConfigErrors>(&text)) return std::move(*errors);
    ReadOptions options;
    options.folder = path.parent_path();
    return parse_mdd_config(std::get<std::string>(text), path.string(), options, Machine::here());
}

std::string explain(const MddConfig& config) {
    std::string lines;
    for (const std::string& sentence : config.derivations) lines += sentence + "\n";
    return lines.empty() ? "Every value that could be computed is given in the file.\n" : lines;
}

}  // namespace mdd::config
