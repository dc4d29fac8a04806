package lab

// fruData renders a FRU inventory with a product area (Platform Management FRU
// Information Storage Definition 1.0, §8 and §12), padded to 256 bytes.
func fruData(manufacturer, product, serial string) []byte {
	area := []byte{1, 0, 0x19} // format, length in 8 bytes (set below), English
	for _, f := range []string{manufacturer, product, "", "1", serial, "", ""} {
		if len(f) == 1 {
			f += " " // a type/length byte of 0xc1 would mean the end
		}
		f = f[:min(len(f), 40)]
		area = append(area, 0xc0|byte(len(f)))
		area = append(area, f...)
	}
	area = append(area, 0xc1)
	for len(area)%8 != 7 {
		area = append(area, 0)
	}
	area[1] = byte((len(area) + 1) / 8)
	area = append(area, checksum(area))
	head := []byte{1, 0, 0, 0, 1, 0, 0} // only the product area, 8 bytes in
	out := append(append(head, checksum(head)), area...)
	return append(out, make([]byte, fruSize-len(out))...)
}

// fruSize is the FRU device's size in bytes.
const fruSize = 256

// checksum makes the sum of all bytes zero modulo 256.
func checksum(b []byte) byte {
	var sum byte
	for _, v := range b {
		sum += v
	}
	return -sum
}
