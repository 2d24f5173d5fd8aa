package operatorfile

import (
	"fmt"
	"reflect"
)

// Reader is a type that reads its values itself.
type Reader interface{ ReadNode(Node) }

// tag names a field as the Collector's own configuration does, so that a struct can be in both.
const tag = "mapstructure"

// Decode puts the value into what `into` points to: texts, numbers, booleans, lists, mappings of texts to any of these,
// structs whose fields have a `mapstructure` tag, pointers, and Readers.
func (n Node) Decode(into any) { n.decode(reflect.ValueOf(into).Elem()) }

func (n Node) decode(into reflect.Value) {
	if reader, ok := into.Addr().Interface().(Reader); ok {
		reader.ReadNode(n)
		return
	}
	switch into.Kind() {
	case reflect.String:
		into.SetString(n.textOrNone())
	case reflect.Bool:
		into.SetBool(n.Bool())
	case reflect.Float64:
		into.SetFloat(n.Number())
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		n.decode(into.Elem())
	case reflect.Slice:
		n.decodeList(into)
	case reflect.Map:
		n.decodeMap(into)
	case reflect.Struct:
		n.decodeStruct(into)
	default:
		panic(fmt.Sprintf("%s: a kind of value that no file has", into.Type()))
	}
}

func (n Node) decodeList(into reflect.Value) {
	items := n.Items()
	into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
	for i, item := range items {
		item.decode(into.Index(i))
	}
}

func (n Node) decodeMap(into reflect.Value) {
	into.Set(reflect.MakeMap(into.Type()))
	n.Each(func(key string, value Node) {
		read := reflect.New(into.Type().Elem()).Elem()
		value.decode(read)
		into.SetMapIndex(reflect.ValueOf(key), read)
	})
}

func (n Node) decodeStruct(into reflect.Value) {
	var keys []string
	for i := range into.NumField() {
		if key := into.Type().Field(i).Tag.Get(tag); key != "" {
			keys = append(keys, key)
		}
	}
	read := n.Object(keys...)
	for i := range into.NumField() {
		key, field := into.Type().Field(i).Tag.Get(tag), into.Field(i)
		if !read.Has(key) {
			continue
		}
		_, own := field.Addr().Interface().(Reader)
		if value := read.Get(key); own || !value.isEmpty() { // a key with nothing behind it is as if it were not there
			value.decode(field)
		}
	}
}
