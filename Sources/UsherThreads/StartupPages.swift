import CPlatform

/// Lets go of the mapped pages of code and constants that most probably only the start needed: they stay in the page cache, and are mapped
/// again where they are used. Memory that the start has freed goes back to the kernel.
public func releaseStartupPages() { usher_release_startup_pages() }

/// Raises the limit of open descriptors as far as the process may.
public func raiseDescriptorLimit() { usher_raise_descriptor_limit() }
