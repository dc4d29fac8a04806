// Package page draws what a browser is shown. A page is a view struct, made by a
// pure function from what the inventory knows, and a template in templates/ that
// prints it; both languages stand side by side where they are used. The package
// fetches nothing and knows no HTTP framework: package web does that.
package page
