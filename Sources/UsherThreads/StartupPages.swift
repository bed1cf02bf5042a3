import CPlatform

/// Lets go of the mapped pages of code and constants that most probably only the start needed: they stay in the page cache, and are mapped
/// again where they are used.
public func releaseStartupPages() { usher_release_startup_pages() }
