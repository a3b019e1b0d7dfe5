// Remembers the places of keys and collects what is wrong with them.
#include "controlplane/config/reader.h"

namespace mdd::config {

Reader::Reader(std::string file_name, std::string_view text, ReadOptions options)
    : options_(std::move(options)), errors_(std::move(file_name), text) {
    places_[""] = {1, 1};
}

void Reader::error(Place place, Complaint complaint) {
    errors_.add(place, std::move(complaint));
}

void Reader::error_here(Place place, Complaint complaint) {
    complaint.text = path_ + ": " + complaint.text;
    mark_unsound(path_);
    errors_.add(place, std::move(complaint));
}

void Reader::enter(std::string path, Place place) {
    path_ = std::move(path);
    if (place.line != 0) places_[path_] = place;
}

bool Reader::given(std::string_view path) const {
    return places_.find(path) != places_.end();
}

Place Reader::place_of(std::string_view path) const {
    for (;;) {
        if (const auto at = places_.find(path); at != places_.end()) return at->second;
        const auto cut = path.find_last_of(".[");
        path = cut == std::string_view::npos ? std::string_view{} : path.substr(0, cut);
    }
}

std::string Reader::describe(std::string_view path) const {
    return errors_.describe(place_of(path));
}

bool Reader::sound(std::string_view path) const {
    for (auto at = unsound_.lower_bound(path); at != unsound_.end() && at->starts_with(path); ++at)
        if (at->size() == path.size() || (*at)[path.size()] == '.' || (*at)[path.size()] == '[')
            return false;
    return true;
}

}  // namespace mdd::config
