import Glibc

/// A folder that is removed with what is in it.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/usher-quality-XXXXXX".utf8CString)
        precondition(unsafe mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        if let folder = unsafe opendir(path) {
            while let entry = unsafe readdir(folder) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
                }
                unsafe unlink("\(path)/\(name)")
            }
            unsafe closedir(folder)
        }
        unsafe rmdir(path)
    }

    /// Writes a file; its path.
    func file(_ name: String, _ content: [UInt8]) -> String {
        let path = "\(path)/\(name)"
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(unsafe write(descriptor, content, content.count) == content.count)
        close(descriptor)
        return path
    }

    func file(_ name: String, _ content: String) -> String { file(name, Array(content.utf8)) }
}

/// The content of a file.
func content(_ path: String) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY)
    defer { close(descriptor) }
    var content: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = unsafe read(descriptor, &block, block.count)
        guard count > 0 else { return content }
        content += block.prefix(count)
    }
}
