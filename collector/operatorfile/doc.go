// Package operatorfile reads the files that operators write: mappings, policies, lists of metrics, applications, prices.
// A fault names the file, its line, the place in it, the value and what was expected (package fault), and a file's faults
// are reported together. yaml.v3 decodes into structs, too, but its errors name Go's types instead of places in the file.
package operatorfile
