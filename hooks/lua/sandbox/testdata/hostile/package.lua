-- limit: runtime
-- modules from files
package.loadlib("x", "y")
